"""Devices that have signed in to an account before.

Guesses from all over the world use up an account's limit, and its owner would have to wait. A
device that has signed in before carries a signed cookie, and has a limit of its own. See OWASP,
"Slow Down Online Guessing Attacks with Device Cookies".
"""

import hmac
from datetime import timedelta

from kit.web import read_signed, sign

from app.accounts.tokens import generate
from app.settings import settings

LIFETIME = timedelta(days=365)
"""Counted from the last sign-in."""


def new_cookie(email: str) -> str:
    """A cookie for a device that has just signed in to the account of this address."""
    return sign(f"{generate()} {_account(email)}", purpose="device")


def device_of(cookie: str | None, email: str) -> str | None:
    """The random name of the device, if the cookie was issued for the account of this address."""
    content = read_signed(cookie or "", purpose="device", max_age=LIFETIME) or ""
    name, _, account = content.partition(" ")
    return name if account == _account(email) else None


def _account(email: str) -> str:
    """The cookie stays after signing out, and must not tell the next person who was there."""
    key = settings.secret_key.get_secret_value().encode()
    return hmac.digest(key, f"device {email}".encode(), "sha256").hex()
