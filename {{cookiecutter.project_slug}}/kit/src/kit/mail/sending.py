"""`send`: the one way out."""

from __future__ import annotations

import sys
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import uuid4

from kit.logging import get_logger
from kit.mail.email import Email
from kit.mail.errors import PermanentMailError
from kit.mail.log import record, written
from kit.mail.models import MailLog, MailOutcome
from kit.mail.transports import Transport, transport_for
from kit.settings import settings
from kit.tasks import current_job

if TYPE_CHECKING:
    from kit.mail.message import Message

log = get_logger(__name__)


def _transport() -> Transport:
    try:
        return transport_for(settings.mail_url)
    except ValueError as error:
        raise SystemExit(f"MAIL_URL: {error}") from None


_transport()  # a wrong setting stops the start, not the first mail


async def send(email: Email) -> str:
    """Render the e-mail, hand it to the transport of MAIL_URL, return its Message-ID.

    Raises PermanentMailError, which ends the job, when the server refuses it for good, and
    TemporaryMailError, after which the job tries again. A template that does not work raises
    jinja2.TemplateError; that, too, is tried again, for the next deployment may mend it.
    """
    from kit.mail.message import compose, sender  # imports Jinja, for those who send

    message = compose(email, f"{_identity(email)}@{sender().domain}")
    try:
        answer = await _transport().send(message)
    except PermanentMailError as error:
        _record(email, message, MailOutcome.REFUSED, str(error))
        raise
    except Exception as error:
        job = current_job()
        again = job is not None and job.attempt < job.max_attempts
        outcome = MailOutcome.RETRYING if again else MailOutcome.FAILED
        _record(email, message, outcome, str(error) or type(error).__name__)
        raise
    _record(email, message, MailOutcome.SENT, answer)
    log.info("mail sent", email=type(email).__name__, message_id=message.message_id)
    return message.message_id


async def close() -> None:
    """Before a process ends: finish the log, and say goodbye to mail servers."""
    await written()
    if smtp := sys.modules.get("kit.mail.smtp"):  # else nothing was sent that way
        await smtp.close()


def _record(email: Email, message: Message, outcome: MailOutcome, answer: str) -> None:
    entry = MailLog(
        recipient=email.to,
        email=type(email).__name__[:100],
        message_id=message.message_id,
        outcome=outcome,
        answer=_printable(answer)[:500],
    )
    record(entry)


def _printable(answer: str) -> str:
    """One line, without what databases refuse (NUL, bytes that are no UTF-8) and terminals obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in answer).split())


def _identity(email: Email) -> str:
    """The same for each attempt of one job, so that a mail which went out twice is seen as one.

    On our own domain and without the host's name, unlike `email.utils.make_msgid`.
    """
    job = current_job()
    if job is None:
        return uuid4().hex
    return sha256(f"{job.id} {type(email).__name__} {email.to}".encode()).hexdigest()[:32]
