"""Text that comes back from a browser as it was sent: signed, not hidden."""

from datetime import timedelta

from itsdangerous import BadData, URLSafeTimedSerializer

from kit.settings import settings


def sign(text: str, *, purpose: str) -> str:
    """The text with a signature, for a cookie or a URL. It is good for this purpose alone."""
    return str(_serializer(purpose).dumps(text))


def read_signed(signed: str, *, purpose: str, max_age: timedelta) -> str | None:
    """The text, if `sign` signed it for this purpose, and not longer ago than `max_age`."""
    try:
        return str(_serializer(purpose).loads(signed, max_age=int(max_age.total_seconds())))
    except BadData:
        return None


def _serializer(purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.secret_key.get_secret_value(), salt=purpose)
