"""smtp://user:password@host:port?tls=… hands messages to a mail server.

The talking is in `kit/mail/smtp.py`: its library is slow to import, and this is read at start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, unquote

from kit.mail.server import MailServer

if TYPE_CHECKING:
    from kit.mail.message import Message


def transport(url: SplitResult) -> Smtp:
    """Special characters in user and password are %-encoded; raises ValueError.

    Without `tls`, STARTTLS is required where a password would otherwise travel in the clear
    and on port 587 (RFC 8314); elsewhere it is used when offered.
    """
    try:
        port = url.port
    except ValueError:
        raise ValueError("the port must be a number from 1 to 65535") from None
    if port == 0:
        raise ValueError("the port must be a number from 1 to 65535")
    if not url.hostname:
        raise ValueError(f"{url.scheme}:// needs a host, as in {url.scheme}://mail.example.com")
    if (url.username is None) != (url.password is None):
        raise ValueError("give both user and password, or neither (%-encode @ : / in them)")
    if url.path.strip("/") or url.fragment:
        raise ValueError("nothing may follow the host but ?tls=… (%-encode # / ? in the password)")
    port = port or (465 if url.scheme == "smtps" else 587 if url.username else 25)
    server = MailServer(
        host=url.hostname,
        port=port,
        username=unquote(url.username or ""),
        password=unquote(url.password or ""),
        tls=_tls(url, port),
    )
    return Smtp(server)


@dataclass(frozen=True)
class Smtp:
    """Hands messages to one server."""

    server: MailServer

    async def send(self, message: Message) -> str:
        from kit.mail.smtp import deliver

        return await deliver(message, self.server)


def _tls(url: SplitResult, port: int) -> str:
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    asked = query.pop("tls", None)
    if query:
        raise ValueError(f"knows no option {next(iter(query))!r}, only tls")
    if url.scheme == "smtps":
        if asked is not None:
            raise ValueError("smtps:// is TLS from the first byte on and takes no tls=")
        return "implicit"
    if asked not in (None, "starttls", "none"):
        raise ValueError("tls must be starttls or none; for TLS from the first byte use smtps://")
    return asked or ("starttls" if url.username or port == 587 else "auto")
