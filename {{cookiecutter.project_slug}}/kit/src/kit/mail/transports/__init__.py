"""The ways out. The scheme of MAIL_URL names a module here, which has a function `transport`.

A provider's HTTP API is a file of yours, `app/mail/pigeon_transport.py` for
`MAIL_URL=pigeon://key@host`:

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

from kit.discovery import slices

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
    modules = _modules()
    if parts.scheme not in modules:
        known = ", ".join(f"{name}://" for name in sorted(modules))
        raise ValueError(f"must start with one of {known}")
    module = import_module(modules[parts.scheme])
    return cast(Transport, module.transport(parts))


def _modules() -> dict[str, str]:
    """The module of each scheme: ours, then `<scheme>_transport.py` of the folders of `app`."""
    found = {module.name: f"{__name__}.{module.name}" for module in iter_modules(__path__)}
    for slice_, names in slices().items():
        for name in names:
            if name.endswith("_transport"):
                found[name.removesuffix("_transport")] = f"app.{slice_}.{name}"
    return found


def refuse_more(url: SplitResult) -> None:
    """Raises ValueError if anything follows the slashes."""
    if url.netloc or url.path.strip("/") or url.query or url.fragment:
        raise ValueError(f"nothing may follow {url.scheme}://")
