"""What was sent during a test: `mailbox.to(user).latest.link("verify")`."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from kit.dev.reading import Letter
from kit.mail.message import Message, recipient
from kit.mail.transports.memory import outbox


class HasEmail(Protocol):
    @property
    def email(self) -> str: ...


class Mail(Letter):
    """One message, with what tests ask of it."""

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    def link(self, part: str = "") -> str:
        """The first link that contains `part`."""
        for link in self.links:
            if part in link:
                return link
        raise AssertionError(f"no link with {part!r} in {self.subject!r}, only {self.links}")


class Mailbox:
    """The messages of the memory transport, oldest first."""

    def __init__(self, messages: Sequence[Message] = outbox) -> None:
        self._messages = messages

    def to(self, who: HasEmail | str) -> "Mailbox":
        """Only what went to this address, or to this user."""
        wanted = recipient(who if isinstance(who, str) else who.email)
        return Mailbox([message for message in self._messages if message.to == wanted])

    @property
    def latest(self) -> Mail:
        """Raises AssertionError, which says what else there is, if there is none."""
        if not self._messages:
            others = ", ".join(f"{m.subject!r} to {m.to}" for m in outbox) or "nothing"
            raise AssertionError(f"no such e-mail; sent was {others}")
        return Mail.parse(self._messages[-1].raw)

    def clear(self) -> None:
        """Forget all that was sent so far."""
        outbox.clear()

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Mail]:
        return (Mail.parse(message.raw) for message in list(self._messages))
