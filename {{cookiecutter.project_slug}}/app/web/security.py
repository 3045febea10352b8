"""What every answer tells the browser to refuse."""

from starlette.datastructures import MutableHeaders

from app.settings import settings

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
if settings.is_production:
    _HEADERS["Strict-Transport-Security"] = "max-age=31536000"


def add_security_headers(headers: MutableHeaders, path: str) -> None:
    """Add what is missing; a route that set one of these headers itself knows why.

    What the API answers is somebody's data, and is kept by no cache.
    """
    if path.startswith("/api/"):
        headers.setdefault("Cache-Control", "no-store")
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
