"""fastapi-mail at work: its configuration, TLS, login and signals around our own message.

Importing fastapi-mail costs as much as importing FastAPI itself: the transport imports this module
when it sends.
"""

import asyncio
import re
from email import message_from_bytes
from email.policy import SMTP as POLICY

from aiosmtplib import SMTP, SMTPNotSupported, SMTPResponseException
from aiosmtplib.errors import SMTPException
from fastapi_mail import ConnectionConfig, FastMail
from fastapi_mail.connection import Connection
from fastapi_mail.errors import ConnectionErrors
from fastapi_mail.fastmail import email_dispatched
from pydantic import SecretStr

from kit.mail.connections import Connections
from kit.mail.errors import PermanentMailError, TemporaryMailError
from kit.mail.message import Message
from kit.mail.server import MailServer

TIMEOUT = 10
"""Seconds for each answer of the server; the job tries again later anyway."""


class Mailer(FastMail):
    """FastMail, but for the MIME that it builds and the connection that it opens for each send.

    The MIME of 1.6.8 has a transfer encoding on multipart containers, which RFC 2045 forbids,
    the text last, and HTML escapes in the text.
    """

    def __init__(self, config: ConnectionConfig) -> None:
        super().__init__(config)
        self._connections = Connections(self._connect)

    async def post(self, message: Message) -> str:
        """Hand one message over and return the server's answer.

        Raises TemporaryMailError, aiosmtplib's SMTPException or OSError.
        """
        answer = await self._connections.send(message)
        if email_dispatched.receivers:  # `record_messages`, for one
            email_dispatched.send(message_from_bytes(message.raw, policy=POLICY))
        return answer

    async def close(self) -> None:
        """Say goodbye on the connections that rest."""
        await self._connections.close()

    async def _connect(self) -> SMTP:
        """FastMail's connection, with TLS and login. Whatever fails here may pass, a wrong
        password of ours included.
        """
        connection = Connection(self.config)
        try:
            await connection.__aenter__()
        except BaseException as error:
            connection.session.close()  # FastMail leaves it open
            if not isinstance(error, ConnectionErrors):
                raise
            cause = error.__context__ or error  # it names none
            raise TemporaryMailError(_words(cause)) from None
        smtp: SMTP = connection.session
        return smtp


async def deliver(message: Message, server: MailServer) -> str:
    """Hand one message over; raises TemporaryMailError or PermanentMailError."""
    try:
        return _discreet(await _mailer(server, message.sender.domain).post(message))
    except (SMTPException, OSError) as error:
        final = isinstance(error, SMTPNotSupported) or (
            isinstance(error, SMTPResponseException) and error.code >= 500
        )
        verdict = PermanentMailError if final else TemporaryMailError
        raise verdict(_words(error)) from None  # a traceback would tell what `_words` keeps back


async def close() -> None:
    """Say goodbye to all servers that this event loop has connections to."""
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(mailer.close() for key, mailer in _mailers.items() if key[0] is loop))


_mailers: dict[tuple[asyncio.AbstractEventLoop, MailServer, str], Mailer] = {}


def _mailer(server: MailServer, domain: str) -> Mailer:
    """The event loop's own: a connection that another one opened can't be used in it."""
    key = asyncio.get_running_loop(), server, domain
    if key not in _mailers:
        for ended in [key for key in _mailers if key[0].is_closed()]:
            del _mailers[ended]
        _mailers[key] = Mailer(_config(server, domain=domain))
    return _mailers[key]


def _config(server: MailServer, *, domain: str) -> ConnectionConfig:
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


def _words(error: BaseException) -> str:
    """The server's own if it said anything.

    Servers repeat addresses, and some a part of the message; neither belongs into a log.
    """
    if isinstance(error, SMTPResponseException):
        return _discreet(f"{error.code} {error.message}")
    return _discreet(str(error)) or type(error).__name__


def _discreet(text: str) -> str:
    return _ADDRESS.sub("<address>", _TOKEN.sub("token=…", text))


_ADDRESS = re.compile(r"<?[^\s<>]+@[^\s<>:;,()\"']+>?")
_TOKEN = re.compile(r"token=\S+", re.IGNORECASE)
