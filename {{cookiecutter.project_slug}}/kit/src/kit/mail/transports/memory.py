"""memory:// keeps messages in a list, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult

from kit.mail.transports import refuse_more

if TYPE_CHECKING:
    from kit.mail.message import Message

outbox: list[Message] = []


def transport(url: SplitResult) -> Memory:
    refuse_more(url)
    return Memory(outbox)


@dataclass(frozen=True)
class Memory:
    outbox: list[Message]

    async def send(self, message: Message) -> str:
        self.outbox.append(message)
        return "kept in memory"
