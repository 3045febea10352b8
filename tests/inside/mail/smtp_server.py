"""A real SMTP server on a free port, which answers as a test wants it to."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class SmtpServer:
    """Keeps what it accepts; `answers` holds replies to MAIL, RCPT and DATA other than yes."""

    answers: dict[str, str] = field(default_factory=dict)
    envelopes: list[Envelope] = field(default_factory=list)
    delay: float = 0
    """Seconds before the answer to RCPT."""
    port: int = 0
    over_tls: list[bool] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    hostnames: list[str] = field(default_factory=list)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, words: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.hostnames.append(hostname)
        return words

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await asyncio.sleep(self.delay)
        envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        answer = self.answers.get("DATA", "250 OK")
        if answer.startswith("250"):
            self.envelopes.append(envelope)
            self.over_tls.append(session.ssl is not None)
        return answer

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss:/#", handled=False)


@asynccontextmanager
async def running(server: SmtpServer, **options: Any) -> AsyncIterator[SmtpServer]:
    """Serve until the block is left; options are those of aiosmtpd.smtp.SMTP."""
    implicit: ssl.SSLContext | None = options.pop("implicit_tls", None)
    listener = await asyncio.get_running_loop().create_server(
        lambda: SMTP(server, hostname="localhost", authenticator=server.authenticate, **options),
        "127.0.0.1",
        0,
        ssl=implicit,
    )
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
