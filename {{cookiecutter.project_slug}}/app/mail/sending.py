"""`send`: the one way out."""

from hashlib import sha256
from uuid import uuid4

from app.logging import get_logger
from app.mail.email import Email
from app.mail.transports import Transport, transport_for
from app.settings import settings
from app.tasks import current_job

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
    TemporaryMailError, after which the job tries again.
    """
    from app.mail.rendering import compose, sender  # Jinja is no business of whoever sends nothing

    message_id = f"{_identity(email)}@{sender().domain}"
    await _transport().send(compose(email, message_id))
    log.info("mail sent", email=type(email).__name__, message_id=message_id)
    return message_id


def _identity(email: Email) -> str:
    """The same for each attempt of one job, so that a mail which went out twice is seen as one.

    On our own domain and without the host's name, unlike `email.utils.make_msgid`.
    """
    job = current_job()
    if job is None:
        return uuid4().hex
    return sha256(f"{job.id} {type(email).__name__} {email.to}".encode()).hexdigest()[:32]
