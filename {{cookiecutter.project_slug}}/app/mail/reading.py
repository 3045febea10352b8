"""A message seen from the other end: what its reader gets."""

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import unescape
from typing import Self

_URL = re.compile(r"""https?://[^\s<>"]+""")
_HREF = re.compile(r'href="(https?://[^"]+)"', re.IGNORECASE)


@dataclass(frozen=True)
class Letter:
    """A message, taken apart."""

    message: EmailMessage
    raw: bytes | None = None
    """The file that it came in."""

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """What can't be read, such as `To: a@[`, becomes a letter that has only its source."""
        letter = cls(message_from_bytes(raw, policy=default), raw)
        try:
            letter.html.encode()
            letter.text.encode()
            "".join(letter.message.values()).encode()
        except Exception:  # whatever the standard library's parser stumbles over
            unreadable = EmailMessage()
            unreadable["Subject"] = "(a message that can't be read)"
            unreadable.set_content("See its source.")
            return cls(unreadable, raw)
        return letter

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "(no subject)")

    @property
    def sender(self) -> str:
        return str(self.message["From"] or "")

    @property
    def to(self) -> str:
        return str(self.message["To"] or "")

    @property
    def html(self) -> str:
        return self._body("html")

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def links(self) -> list[str]:
        """Each link once, those of the text first."""
        found = _URL.findall(self.text) + [unescape(url) for url in _HREF.findall(self.html)]
        return list(dict.fromkeys(found))

    @property
    def source(self) -> str:
        raw = self.message.as_bytes() if self.raw is None else self.raw
        return raw.decode("utf-8", "replace").replace("\r\n", "\n")

    def _body(self, subtype: str) -> str:
        part = self.message.get_body((subtype,))
        return str(part.get_content()).replace("\r\n", "\n") if part else ""
