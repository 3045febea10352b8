"""What can go wrong with an account, each with the answer that it makes."""

from typing import ClassVar

from kit.errors import AppError
from kit.ratelimit import TooManyAttempts

__all__ = [
    "AccountError",
    "EmailTaken",
    "InvalidCredentials",
    "InvalidToken",
    "LastSuperuser",
    "NoSuchSession",
    "NotAllowed",
    "NotSignedIn",
    "TooManyAttempts",
    "UnchangedEmail",
    "WrongPassword",
]


class AccountError(AppError):
    """Any of the errors below."""


class InvalidCredentials(AccountError):
    """No such address, wrong password, an unverified or a closed account: one answer for all.

    If unverified accounts were told apart, anyone could register an address, sign in with the
    same password, and see whether the address was taken.
    """

    status: ClassVar[int] = 401
    title: ClassVar[str] = "Invalid credentials"

    def __init__(self) -> None:
        super().__init__(
            "The address or the password is wrong, or the address is not confirmed yet.",
            headers={"WWW-Authenticate": "Bearer"},
        )


class NotSignedIn(AccountError):
    """The request carries no token of a living session."""

    status: ClassVar[int] = 401
    title: ClassVar[str] = "Not signed in"

    def __init__(self) -> None:
        super().__init__("Please sign in.", headers={"WWW-Authenticate": "Bearer"})


class NotAllowed(AccountError):
    """Only superusers (`manage createsuperuser`) see /admin. That it exists is no secret."""

    status: ClassVar[int] = 403
    title: ClassVar[str] = "For administrators only"

    def __init__(self) -> None:
        super().__init__("Your account has no access to this page.")


class InvalidToken(AccountError):
    """A link that was used, has expired, or never was one: the answer does not tell which."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Invalid link"

    def __init__(self) -> None:
        super().__init__("This link has expired or was used before. Please ask for a new one.")


class WrongPassword(AccountError):
    """The password does not match the account of this session or link.

    Not 401: clients would sign out people who merely mistyped.
    """

    status: ClassVar[int] = 403
    title: ClassVar[str] = "Wrong password"

    def __init__(self, field: str = "current_password") -> None:
        super().__init__("This is not your password.")
        self.errors = [{"field": field, "message": self.detail}]


class UnchangedEmail(AccountError):
    """The new address is the old one."""

    status: ClassVar[int] = 422
    title: ClassVar[str] = "Nothing to change"

    def __init__(self) -> None:
        super().__init__("This is the address of your account already.")
        self.errors = [{"field": "email", "message": self.detail}]


class EmailTaken(AccountError):
    """The address got another account before it was confirmed.

    Only people who read its mail can get here, so no one else learns of that account.
    """

    status: ClassVar[int] = 409
    title: ClassVar[str] = "Address in use"

    def __init__(self) -> None:
        super().__init__("Another account has been made with this address by now.")


class NoSuchSession(AccountError):
    """The session has ended, or belongs to another user."""

    status: ClassVar[int] = 404
    title: ClassVar[str] = "No such session"

    def __init__(self) -> None:
        super().__init__("You have no session with this id.")


class LastSuperuser(AccountError):
    """Without this account, no one could open /admin anymore."""

    status: ClassVar[int] = 409
    title: ClassVar[str] = "The only administrator stays"

    def __init__(self) -> None:
        super().__init__(
            "You are the only administrator, so this account can't be deleted. "
            "Make another one first: `manage createsuperuser`."
        )
