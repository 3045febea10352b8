"""By which name, and over what, the application is asked."""

from ipaddress import ip_address
from typing import ClassVar
from urllib.parse import urlsplit

from fastapi import Request

from kit.errors import AppError
from kit.logging import get_logger
from kit.settings import settings

log = get_logger(__name__)


class ForeignHost(AppError):
    status: ClassVar[int] = 403
    title: ClassVar[str] = "Not under this name"


async def require_own_host(request: Request) -> None:
    """Raises ForeignHost, unless asked by an IP address, as localhost, or as BASE_URL says.

    A web site can let its own name point to 127.0.0.1 ("DNS rebinding"). To the browser our pages
    are then that site's, which may read the mails in them, links and all. A number has no DNS.
    """
    host = _host_of(f"//{request.headers.get('host', '')}")
    if host != _host_of(settings.base_url) and not _is_local(host):
        raise ForeignHost("Set BASE_URL to the address at which you see this page.")


class PlainHttp(AppError):
    """A browser would drop the session cookie, and show the sign-in page again without a word."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "This page needs https"


def require_https(request: Request) -> None:
    """Raise PlainHttp in production if the browser has the page over plain http.

    Only the browser knows: it says so in the Origin of a form, also behind a proxy for TLS.
    """
    origin = request.headers.get("origin", "")
    if settings.is_production and origin.startswith("http://") and not _is_local(_host_of(origin)):
        log.warning("sign-in over plain http", origin=origin)
        raise PlainHttp(
            "You can't sign in over plain http, because browsers keep the session for https only. "
            "Open the page by an address that begins with https://."
        )


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
