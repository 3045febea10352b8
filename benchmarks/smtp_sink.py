"""A mail server that takes its time, and forgets what it was given."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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


@asynccontextmanager
async def smtp_sink(delay: float) -> AsyncIterator[str]:
    """Listen until the block is left; yields the MAIL_URL."""
    listener = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Sink(delay), hostname="localhost"), "127.0.0.1", 0
    )
    try:
        yield f"smtp://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
