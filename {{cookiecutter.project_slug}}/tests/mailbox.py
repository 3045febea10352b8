"""What was sent during a test: `mailbox.to(user).latest.link("verify-email")`."""

from collections.abc import Iterator
from email.message import EmailMessage
from typing import Protocol

from app.mail.reading import Letter
from app.mail.rendering import recipient
from app.mail.transports import outbox


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

    def __init__(self, messages: list[EmailMessage] | None = None) -> None:
        self._messages = outbox if messages is None else messages

    def to(self, who: HasEmail | str) -> "Mailbox":
        """Only what went to this address, or to this user."""
        wanted = str(recipient(who if isinstance(who, str) else who.email))
        return Mailbox([m for m in self._messages if str(m["To"]) == wanted])

    @property
    def latest(self) -> Mail:
        if not self._messages:
            raise AssertionError("nothing was sent")
        return Mail(self._messages[-1])

    def clear(self) -> None:
        self._messages.clear()

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Mail]:
        return map(Mail, list(self._messages))
