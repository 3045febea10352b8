"""A message seen from the other end: what its reader gets."""

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import cached_property
from typing import Self

from kit.mail.markup import elements

_URL = re.compile(r"""https?://[^\s<>"]+""")


@dataclass(frozen=True)
class Link:
    """Where it leads, and the words that one clicks on; none if it stands as itself."""

    url: str
    words: str


@dataclass(frozen=True)
class File:
    """An attachment, as its sender calls it."""

    name: str
    media_type: str
    content: bytes

    @property
    def safe_name(self) -> str:
        """The name without folders, and without what makes it look like another."""
        plain = "".join(character for character in self.name if character.isprintable())
        return plain.replace("\\", "/").rpartition("/")[2].lstrip(". ") or "attachment"


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
            "".join(file.name for file in letter.files).encode()
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
    def files(self) -> list[File]:
        return [
            File(
                part.get_filename() or f"attachment {number}",
                part.get_content_type(),
                _content(part),
            )
            for number, part in enumerate(self.message.iter_attachments(), 1)
        ]

    @property
    def links(self) -> list[str]:
        """Each link once, those of the text first."""
        return list(dict.fromkeys([*self.text_links, *self.html_links]))

    @property
    def all_links(self) -> list[Link]:
        """The same, with the words that the HTML has for them."""
        words = {link.url: link.words for link in self.named_links}
        return [Link(url, words.get(url, "")) for url in self.links]

    @property
    def text_links(self) -> list[str]:
        return _URL.findall(self.text)

    @property
    def html_links(self) -> list[str]:
        return [link.url for link in self.named_links]

    @cached_property
    def named_links(self) -> list[Link]:
        """The links of the HTML, each once, with the first words that it is given there."""
        words: dict[str, str] = {}
        for element in elements(self.html):
            url = element.attributes.get("href", "")
            if element.tag == "a" and url.lower().startswith(("https://", "http://")):
                text = " ".join(element.text.split())
                words[url] = words.get(url) or ("" if text == url else text)
        return [Link(url, text) for url, text in words.items()]

    @property
    def size(self) -> int:
        """Of the whole message, in bytes."""
        return len(self.message.as_bytes() if self.raw is None else self.raw)

    @property
    def source(self) -> str:
        raw = self.message.as_bytes() if self.raw is None else self.raw
        return raw.decode("utf-8", "replace").replace("\r\n", "\n")

    def contains(self, words: str) -> bool:
        """Whether each of the words stands in the subject, an address or the text."""
        everything = f"{self.subject} {self.sender} {self.to} {self.text}".casefold()
        return all(word in everything for word in words.casefold().split())

    def _body(self, subtype: str) -> str:
        part = self.message.get_body((subtype,))
        return str(part.get_content()).replace("\r\n", "\n") if part else ""


def _content(part: EmailMessage) -> bytes:
    """The bytes as they were attached; a message within a message as its source."""
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else part.as_bytes()
