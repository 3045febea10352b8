"""console:// prints the headers and the text, for a look without a browser."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from urllib.parse import SplitResult

from kit.mail.transports import refuse_more

if TYPE_CHECKING:
    from kit.mail.message import Message


def transport(url: SplitResult) -> Console:
    refuse_more(url)
    return Console()


class Console:
    async def send(self, message: Message) -> str:
        headers, _, _ = message.raw.partition(b"Content-Type:")
        sys.stdout.write(f"\n{headers.decode()}\n{message.text}\n".replace("\r\n", "\n"))
        sys.stdout.flush()
        return "printed"
