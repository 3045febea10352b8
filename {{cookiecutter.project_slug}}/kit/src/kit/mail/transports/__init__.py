"""The ways out. The scheme of MAIL_URL is the name of a module here, with a function `transport`.

A provider's HTTP API is one more file, `pigeon.py` for `MAIL_URL=pigeon://key@host`:

    def transport(url: SplitResult) -> Transport:
        return Pigeon(key=unquote(url.username or ""), host=url.hostname or "api.example.com")

    @dataclass(frozen=True)
    class Pigeon:
        key: str = field(repr=False)
        host: str

        async def send(self, message: Message) -> str:
            …  # `message` has the parts and, as `raw`, the whole
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from kit.mail.message import Message


class Transport(Protocol):
    """Takes a finished message; returns when it is safe with the next one in line."""

    async def send(self, message: Message) -> str:
        """Return the answer, for the log. Called many times at once, from several event loops.

        Raises TemporaryMailError when it may work later (after which it is called again with
        the same Message-ID), PermanentMailError when it never will.
        """


@cache
def transport_for(url: str) -> Transport:
    """The transport that MAIL_URL names; raises ValueError, without the password, if none fits.

    Cheap: nothing is opened or imported before the first message.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that do not match, for one
        raise ValueError("is no URL") from None
    if parts.scheme not in (names := sorted(module.name for module in iter_modules(__path__))):
        raise ValueError(f"must start with one of {', '.join(f'{name}://' for name in names)}")
    module = import_module(f"{__name__}.{parts.scheme}")
    return cast(Transport, module.transport(parts))


def refuse_more(url: SplitResult) -> None:
    """Raises ValueError if anything follows the slashes."""
    if url.netloc or url.path.strip("/") or url.query or url.fragment:
        raise ValueError(f"nothing may follow {url.scheme}://")
