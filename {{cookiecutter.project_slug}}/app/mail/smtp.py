"""The SMTP transport: fastapi-mail's connection, TLS and signals around our own message.

Importing fastapi-mail costs as much as importing FastAPI itself: only `Smtp.send` imports this.
"""

import re
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

from aiosmtplib import SMTPNotSupported, SMTPRecipientsRefused, SMTPResponseException
from aiosmtplib.errors import SMTPException
from fastapi_mail import ConnectionConfig, FastMail, MessageSchema, MessageType
from fastapi_mail.errors import ConnectionErrors
from pydantic import SecretStr

from app.mail.errors import PermanentMailError, TemporaryMailError
from app.mail.transports import Smtp

TIMEOUT = 10
"""Seconds for each answer of the server; the job tries again later anyway."""


class Prepared(MessageSchema):
    """A finished message on its way through FastMail, which reads the envelope off its headers."""

    message: EmailMessage


class Mailer(FastMail):
    """FastMail, but for the MIME that it builds.

    That of 1.6.8 has a transfer encoding on multipart containers, which RFC 2045 forbids, the
    text last, and HTML escapes in the text. tests/mail/test_smtp.py parses what is on the wire.
    """

    async def _prepare_message(self, message: MessageSchema, template: Any = None) -> EmailMessage:
        assert isinstance(message, Prepared)  # noqa: S101 - `deliver` makes nothing else
        return message.message


async def deliver(message: EmailMessage, server: Smtp) -> None:
    """Hand one message over; raises TemporaryMailError or PermanentMailError."""
    mailer = Mailer(_config(server, domain=message["From"].addresses[0].domain))
    prepared = Prepared(recipients=[], subtype=MessageType.plain, message=message)
    try:
        await mailer.send_message(prepared)
    except (ConnectionErrors, SMTPException, OSError) as error:
        raise _verdict(error) from None  # a traceback would tell what `_words` keeps back


def _config(server: Smtp, *, domain: str) -> ConnectionConfig:
    """Every field is given: what is left out, ConnectionConfig reads from the environment."""
    config = ConnectionConfig(
        MAIL_SERVER=server.host,
        MAIL_PORT=server.port,
        MAIL_USERNAME=server.username,
        MAIL_PASSWORD=SecretStr(server.password),
        USE_CREDENTIALS=bool(server.username),
        MAIL_SSL_TLS=server.tls == "implicit",
        MAIL_STARTTLS=server.tls == "starttls",
        VALIDATE_CERTS=True,
        CERT_BUNDLE=None,
        MAIL_FROM="unused@example.com",  # the message has its own From
        MAIL_FROM_NAME=None,
        MAIL_DEBUG=0,
        TEMPLATE_FOLDER=None,
        SUPPRESS_SEND=0,
        TIMEOUT=TIMEOUT,
        LOCAL_HOSTNAME=domain,  # else socket.getfqdn(), which asks the DNS and tells our name
    )
    if server.tls == "auto":
        config.MAIL_STARTTLS = None  # type: ignore[assignment]  # aiosmtplib: if it is offered
    return config


def _verdict(error: BaseException) -> TemporaryMailError | PermanentMailError:
    """5xx for this message is final. All else may pass, a wrong password of ours included.

    FastMail loses causes: its ConnectionErrors names none, and its QUIT on a connection that
    is gone hides the refusal before it. So the whole chain is read.
    """
    chain = list(_chain(error))
    before_the_message = any(isinstance(link, ConnectionErrors) for link in chain)
    if not before_the_message and any(map(_is_final, chain)):
        return PermanentMailError(_words(chain))
    return TemporaryMailError(_words(chain))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it, back to an earlier message's that is being handled."""
    while error and not isinstance(error, TemporaryMailError | PermanentMailError):
        yield from error.recipients if isinstance(error, SMTPRecipientsRefused) else [error]
        error = error.__cause__ or error.__context__


def _is_final(error: BaseException) -> bool:
    if isinstance(error, SMTPResponseException):
        return error.code >= 500
    return isinstance(error, SMTPNotSupported)  # an SMTPUTF8 address, and a server of old


def _words(chain: list[BaseException]) -> str:
    """The server's own, if it said anything; else those of the first thing that went wrong.

    Servers repeat addresses, and some a part of the message; neither belongs into a log.
    """
    for error in chain:
        if isinstance(error, SMTPResponseException):
            return _discreet(f"{error.code} {error.message}")
    told = [error for error in chain if isinstance(error, SMTPException)]
    return _discreet(str((told or chain)[-1])) or type(chain[-1]).__name__


def _discreet(text: str) -> str:
    return _ADDRESS.sub("<address>", _TOKEN.sub("token=…", text))


_ADDRESS = re.compile(r"<?[^\s<>]+@[^\s<>:;,()\"']+>?")
_TOKEN = re.compile(r"token=\S+", re.IGNORECASE)
