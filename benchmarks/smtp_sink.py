"""Mail servers that take their time; one forgets what it was given, one remembers for whom."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    """Waits `delay` seconds before it accepts a message."""

    def __init__(self, delay: float) -> None:
        self.delay = delay

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        await asyncio.sleep(self.delay)
        return "250 OK"


class Inbox(Sink):
    """Remembers for whom it took a mail; `unwilling` is the share that it refuses for now."""

    def __init__(self, delay: float, unwilling: float) -> None:
        super().__init__(delay)
        self._unwilling = unwilling
        self._chance = random.Random(1)
        self._last = monotonic()
        self.welcomed: set[str] = set()

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        self._last = monotonic()
        if self._chance.random() < self._unwilling:
            return "451 Please try again later"
        self.welcomed.update(envelope.rcpt_tos)
        return answer

    async def until(self, people: float) -> None:
        """Wait until so many have their mail."""
        while len(self.welcomed) < people:
            await asyncio.sleep(0.05)

    async def until_quiet(self, seconds: float) -> None:
        """Wait until nothing has arrived for so long."""
        self._last = monotonic()
        while monotonic() - self._last < seconds:
            await asyncio.sleep(0.1)


@asynccontextmanager
async def listening(sink: Sink) -> AsyncIterator[str]:
    """Let it take mails until the block is left; yields the MAIL_URL."""
    listener = await asyncio.get_running_loop().create_server(
        lambda: SMTP(sink, hostname="localhost"), "127.0.0.1", 0
    )
    try:
        yield f"smtp://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
