"""A message for the next page, carried over a redirect in a signed cookie that is read once."""

from typing import Literal, NamedTuple

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from kit.settings import settings

# The prefix makes browsers refuse it from a subdomain or without TLS.
_COOKIE = "__Host-flash" if settings.is_production else "flash"
_MAX_AGE = 300  # seconds; a message that nobody saw for this long would only puzzle

Kind = Literal["success", "info", "error"]


class Flash(NamedTuple):
    kind: Kind
    text: str


def flash(response: Response, text: str, kind: Kind = "success") -> None:
    """Show `text` on the next page; the cookie proves that the text is ours, and hides nothing."""
    response.set_cookie(
        _COOKIE,
        _serializer().dumps((kind, text)),
        max_age=_MAX_AGE,
        httponly=True,
        samesite="lax",
        secure=settings.is_production,
    )


def read_flash(request: Request) -> Flash | None:
    """The message that an earlier answer left, if it is genuine and fresh."""
    try:
        kind, text = _serializer().loads(request.cookies.get(_COOKIE, ""), max_age=_MAX_AGE)
    except (BadData, ValueError):
        return None
    return Flash(kind, text)


def forget_flash(response: Response) -> None:
    """Once shown, a message does not come back."""
    response.delete_cookie(_COOKIE, httponly=True, samesite="lax", secure=settings.is_production)


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.secret_key.get_secret_value(), salt="flash")
