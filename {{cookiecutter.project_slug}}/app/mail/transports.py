"""The ways out, one per scheme of MAIL_URL. A new one is a class with `send`, and a line below."""

import os
import sys
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from anyio import to_thread


class Transport(Protocol):
    """Takes a finished message; returns when it is safe with the next one in line."""

    async def send(self, message: EmailMessage) -> None:
        """Raises TemporaryMailError or PermanentMailError."""


@dataclass(frozen=True)
class Folder:
    """Keeps each message as an .eml file, which any mail program opens.

    The name comes from the Message-ID: a message that is sent again replaces itself, as
    mail programs, too, show it once.
    """

    path: Path

    async def send(self, message: EmailMessage) -> None:
        await to_thread.run_sync(self._write, message)

    def _write(self, message: EmailMessage) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        name = sha256(str(message["Message-ID"]).encode()).hexdigest()[:32]
        with NamedTemporaryFile(dir=self.path, prefix=".", delete=False) as file:
            file.write(message.as_bytes())
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self.path / f"{name}.eml")


class Console:
    """Prints the headers and the text, for a look without a browser."""

    async def send(self, message: EmailMessage) -> None:
        headers = "".join(f"{name}: {value}\n" for name, value in message.items())
        body = message.get_body(("plain",))
        sys.stdout.write(f"\n{headers}\n{body.get_content() if body else ''}\n")
        sys.stdout.flush()


@dataclass(frozen=True)
class Memory:
    """Keeps messages in a list, for tests."""

    outbox: list[EmailMessage]

    async def send(self, message: EmailMessage) -> None:
        self.outbox.append(message)


@dataclass(frozen=True)
class Smtp:
    """A mail server; the talking is in `smtp.py`, because its library is slow to import.

    tls: "implicit" from the first byte on; "starttls" or no mail; "none"; or "auto", which
        is STARTTLS when the server offers it.
    """

    host: str
    port: int
    username: str
    password: str
    tls: str

    def __repr__(self) -> str:
        return f"Smtp({self.host}:{self.port})"

    async def send(self, message: EmailMessage) -> None:
        from app.mail.smtp import deliver

        await deliver(message, self)


outbox: list[EmailMessage] = []
"""What memory:// has sent."""


@cache
def transport_for(url: str) -> Transport:
    """The transport that MAIL_URL names; raises ValueError, without the password, if none fits.

    Cheap: nothing is opened or imported before the first message.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that do not match, for one
        raise ValueError("is no URL") from None
    match parts.scheme:
        case "smtp" | "smtps":
            return _smtp(parts)
        case "file":
            if parts.netloc or not parts.path.strip("/"):
                raise ValueError("file:// needs an absolute folder, as in file:///var/spool/mails")
            return Folder(Path(unquote(parts.path)))
    match url:
        case "mailbox://":
            from app.settings import VAR

            return Folder(VAR / "mail")
        case "console://":
            return Console()
        case "memory://":
            return Memory(outbox)
    raise ValueError(
        "must be mailbox://, console:// or memory://, with nothing after the slashes, "
        "or smtp://host, smtps://host or file:///folder"
    )


def _smtp(parts: SplitResult) -> Smtp:
    """smtp://user:password@host:port?tls=…; special characters are %-encoded.

    Without `tls`, STARTTLS is required where a password would otherwise travel in the clear
    and on port 587 (RFC 8314); elsewhere it is used when offered.
    """
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port must be a number from 1 to 65535") from None
    if not parts.hostname:
        raise ValueError(f"{parts.scheme}:// needs a host, as in {parts.scheme}://mail.example.com")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("give both user and password, or neither (%-encode @ : / in them)")
    if parts.path.strip("/") or parts.fragment:
        raise ValueError("nothing may follow the host but ?tls=… (%-encode # / ? in the password)")
    port = port or (465 if parts.scheme == "smtps" else 587 if parts.username else 25)
    return Smtp(
        host=parts.hostname,
        port=port,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=_tls(parts, port),
    )


def _tls(parts: SplitResult, port: int) -> str:
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    asked = query.pop("tls", None)
    if query:
        raise ValueError(f"knows no option {next(iter(query))!r}, only tls")
    if parts.scheme == "smtps":
        if asked is not None:
            raise ValueError("smtps:// is TLS from the first byte on and takes no tls=")
        return "implicit"
    if asked not in (None, "starttls", "none"):
        raise ValueError("tls must be starttls or none; for TLS from the first byte use smtps://")
    return asked or ("starttls" if parts.username or port == 587 else "auto")
