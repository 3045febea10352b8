"""The e-mails that were sent during a test: `mailbox.to(user).latest.link("verify-email")`."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from kit.dev.reading import Letter
from kit.mail.message import Message, recipient
from kit.mail.transports.memory import outbox


class HasEmail(Protocol):
    """A user, or anything else with an address."""

    @property
    def email(self) -> str: ...


class Mail(Letter):
    """One message: `subject`, `text`, `html`, `links`, `files` and so on."""

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    def link(self, part: str = "") -> str:
        """Return the first link that contains `part`."""
        for link in self.links:
            if part in link:
                return link
        raise AssertionError(f"no link with {part!r} in {self.subject!r}, only {self.links}")


class Mailbox:
    """The messages of the memory transport, oldest first. It has a length and can be iterated."""

    def __init__(self, messages: Sequence[Message] = outbox) -> None:
        self._messages = messages

    def to(self, who: HasEmail | str) -> "Mailbox":
        """Return only the messages to this address or user."""
        wanted = recipient(who if isinstance(who, str) else who.email)
        return Mailbox([message for message in self._messages if message.to == wanted])

    @property
    def latest(self) -> Mail:
        """The newest message. AssertionError tells what was sent instead."""
        if not self._messages:
            others = ", ".join(f"{m.subject!r} to {m.to}" for m in outbox) or "nothing"
            raise AssertionError(f"no such e-mail; sent was {others}")
        return Mail.parse(self._messages[-1].raw)

    def clear(self) -> None:
        """Forget everything that was sent so far."""
        outbox.clear()

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Mail]:
        return (Mail.parse(message.raw) for message in list(self._messages))
