"""The e-mails that accounts send."""

from datetime import timedelta
from typing import Self

from kit.mail import Email
from kit.settings import settings

from app.accounts.tokens import LIFETIMES, Purpose

VERIFICATION_DAYS = LIFETIMES[Purpose.VERIFY_EMAIL].days
RESET_MINUTES = LIFETIMES[Purpose.RESET_PASSWORD] // timedelta(minutes=1)
CHANGE_HOURS = LIFETIMES[Purpose.CHANGE_EMAIL] // timedelta(hours=1)
FORGOT_PASSWORD = f"{settings.base_url}/forgot-password"


class WelcomeEmail(Email):
    """The first e-mail: welcome, and please confirm your address.

    It does not contain the name: anyone can register an address that isn't theirs, with a "name"
    that advertises something.
    """

    template = "welcome"
    subject = "Welcome to {project_name}"

    link: str
    days: int = VERIFICATION_DAYS

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com", link=verification_link("sample"))


class VerificationEmail(Email):
    """A new link, on request."""

    template = "verification"
    subject = "Confirm your e-mail address"

    link: str
    days: int = VERIFICATION_DAYS

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com", link=verification_link("sample"))


class AlreadyRegisteredEmail(Email):
    """An address that has an account was registered again. Only its owner is told."""

    template = "already_registered"
    subject = "You already have an account at {project_name}"

    link: str = f"{settings.base_url}/login"
    forgot_link: str = FORGOT_PASSWORD

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com")


class ResetPasswordEmail(Email):
    """For people who forgot their password."""

    template = "reset_password"
    subject = "Choose a new password"

    link: str
    minutes: int = RESET_MINUTES

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com", link=reset_password_link("sample"))


class ChoosePasswordEmail(Email):
    """An address was registered with different passwords. The person who reads its mail decides."""

    template = "choose_password"
    subject = "Confirm your e-mail address and choose a password"

    link: str
    minutes: int = RESET_MINUTES
    forgot_link: str = FORGOT_PASSWORD

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com", link=reset_password_link("sample"))


class PasswordChangedEmail(Email):
    """The password was changed: by its owner, or by someone who should not have."""

    template = "password_changed"
    subject = "Your password was changed"

    full_name: str
    forgot_link: str = FORGOT_PASSWORD

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com", full_name="Ada Lovelace")


class ConfirmEmailChangeEmail(Email):
    """To the new address: is it yours?"""

    template = "confirm_email_change"
    subject = "Confirm your new e-mail address"

    link: str
    hours: int = CHANGE_HOURS

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@new.example.com", link=confirm_email_link("sample"))


class EmailChangeRequestedEmail(Email):
    """To the old address: a change is under way and can still be stopped."""

    template = "email_change_requested"
    subject = "Your e-mail address is about to change"

    full_name: str
    forgot_link: str = FORGOT_PASSWORD

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com", full_name="Ada Lovelace")


class AddressInUseEmail(Email):
    """Another account asked for an address that has an account. Only its owner is told."""

    template = "address_in_use"
    subject = "You already have an account at {project_name}"

    link: str = f"{settings.base_url}/login"
    forgot_link: str = FORGOT_PASSWORD

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com")


class EmailChangedEmail(Email):
    """To the new address: it is in use from now on."""

    template = "email_changed"
    subject = "Your e-mail address was changed"

    full_name: str
    link: str = f"{settings.base_url}/login"

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@new.example.com", full_name="Ada Lovelace")


class EmailChangedNoticeEmail(Email):
    """To the old address. A stranger may read it, so it names no person and no new address."""

    template = "email_changed_notice"
    subject = "Your account has moved to another e-mail address"

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com")


class AccountDeletedEmail(Email):
    """The last one."""

    template = "account_deleted"
    subject = "Your account was deleted"

    link: str = f"{settings.base_url}/register"

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ada@example.com")


def confirm_email_link(token: str) -> str:
    """The page where a new address is confirmed; opening it changes nothing."""
    return f"{settings.base_url}/confirm-email?token={token}"


def reset_password_link(token: str) -> str:
    """The page where a new password is chosen; opening it changes nothing either."""
    return f"{settings.base_url}/reset-password?token={token}"


def verification_link(token: str) -> str:
    """The page where the token is used; opening it changes nothing, for mail scanners do."""
    return f"{settings.base_url}/verify-email?token={token}"
