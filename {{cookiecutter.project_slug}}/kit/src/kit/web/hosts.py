"""Who may ask for the pages of development."""

from ipaddress import ip_address
from typing import ClassVar
from urllib.parse import urlsplit

from fastapi import Request

from kit.errors import AppError
from kit.settings import settings


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
