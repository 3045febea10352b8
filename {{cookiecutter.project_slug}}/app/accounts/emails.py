"""The e-mails that accounts send."""

from datetime import timedelta
from typing import Self

from app.accounts.tokens import LIFETIMES, Purpose
from app.mail import Email
from app.settings import settings

VERIFICATION_DAYS = LIFETIMES[Purpose.VERIFY_EMAIL].days
RESET_MINUTES = LIFETIMES[Purpose.RESET_PASSWORD] // timedelta(minutes=1)
FORGOT_PASSWORD = f"{settings.base_url}/forgot-password"


class WelcomeEmail(Email):
    """The first one: welcome, and please show that this address is yours."""

    template = "welcome"
    subject = "Welcome to {project_name}"

    full_name: str
    link: str
    days: int = VERIFICATION_DAYS

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com", full_name="Ada Lovelace", link=verification_link("sample"))


class VerificationEmail(Email):
    """A new link, for whoever asked for one."""

    template = "verification"
    subject = "Confirm your e-mail address"

    link: str
    days: int = VERIFICATION_DAYS

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com", link=verification_link("sample"))


class AlreadyRegisteredEmail(Email):
    """Somebody registered an address that has an account: only its owner is told."""

    template = "already_registered"
    subject = "You already have an account at {project_name}"

    link: str = f"{settings.base_url}/login"
    forgot_link: str = FORGOT_PASSWORD

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com")


class ResetPasswordEmail(Email):
    """For whoever has forgotten their password."""

    template = "reset_password"
    subject = "Choose a new password"

    link: str
    minutes: int = RESET_MINUTES

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com", link=reset_password_link("sample"))


class ChoosePasswordEmail(Email):
    """An address was registered with different passwords: whoever reads its mail decides."""

    template = "choose_password"
    subject = "Confirm your e-mail address and choose a password"

    link: str
    minutes: int = RESET_MINUTES
    forgot_link: str = FORGOT_PASSWORD

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com", link=reset_password_link("sample"))


def reset_password_link(token: str) -> str:
    """The page where a new password is chosen; opening it changes nothing either."""
    return f"{settings.base_url}/reset-password?token={token}"


def verification_link(token: str) -> str:
    """The page where the token is used; opening it changes nothing, for mail scanners do."""
    return f"{settings.base_url}/verify-email?token={token}"
