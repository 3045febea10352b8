"""A mail server that accepts, refuses, hangs up or keeps silent, as a test tells it."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from threading import Thread

from aiosmtpd.smtp import SMTP, Envelope, Session

from kit.testing.proxy import free_port
from kit.testing.servers import Server

ACCEPT = "250 OK"
HANG_UP = "hang up"
"""Take the message, then end the connection without an answer: the outcome is unknown."""
SILENCE = "silence"
"""Take the message, and never answer."""


class SmtpSink(Server):
    """Keeps the messages. It runs in a thread, so it answers while a test waits for a process."""

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.messages: list[EmailMessage] = []
        self.answer: str | Callable[[], str] = ACCEPT
        """To each message: ACCEPT, HANG_UP, SILENCE, or a reply such as `451 Try again later`."""
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        Thread(target=self._loop.run_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.proxy.port}"

    def flush(self) -> None:
        """Forget the messages, and accept those to come."""
        self.messages.clear()
        self.answer = ACCEPT

    def to(self, address: str) -> list[EmailMessage]:
        """Return the messages to this address, oldest first."""
        return [message for message in self.messages if address in (message["To"] or "")]

    @property
    def copies(self) -> Counter[str]:
        """How many copies of each Message-ID were taken."""
        return Counter(message["Message-ID"] for message in self.messages)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        answer = self.answer if isinstance(self.answer, str) else self.answer()
        if answer in (ACCEPT, HANG_UP, SILENCE):
            assert isinstance(envelope.content, bytes)
            self.messages.append(message_from_bytes(envelope.content, policy=default))
        if answer == HANG_UP:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        if answer == SILENCE:
            await asyncio.Event().wait()
        return answer

    def _start(self) -> None:
        async def serve() -> asyncio.Server:
            return await asyncio.get_running_loop().create_server(
                lambda: SMTP(self, hostname="localhost"), "127.0.0.1", self.port
            )

        if not self._server:
            self._server = asyncio.run_coroutine_threadsafe(serve(), self._loop).result()

    def _kill(self) -> None:
        """Stop listening; the proxy ends the connections."""
        if self._server:
            self._loop.call_soon_threadsafe(self._server.close)
            self._server = None

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=None)
