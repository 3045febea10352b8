"""What can go wrong with an account, each with the answer that it makes."""

from typing import ClassVar

from app.errors import AppError
from app.ratelimit import TooManyAttempts

__all__ = [
    "AccountError",
    "EmailNotVerified",
    "InvalidCredentials",
    "InvalidToken",
    "NoSuchSession",
    "NotSignedIn",
    "TooManyAttempts",
    "WeakPassword",
]


class AccountError(AppError):
    """Any of the errors below."""


class InvalidCredentials(AccountError):
    """No such address, wrong password, or a closed account: one answer for all of them."""

    status: ClassVar[int] = 401
    title: ClassVar[str] = "Invalid credentials"

    def __init__(self) -> None:
        super().__init__(
            "The e-mail address or the password is wrong.", headers={"WWW-Authenticate": "Bearer"}
        )


class EmailNotVerified(AccountError):
    """The password was right, but nobody has shown yet that they read the address."""

    status: ClassVar[int] = 403
    title: ClassVar[str] = "E-mail address not verified"

    def __init__(self) -> None:
        super().__init__("Please follow the link in the e-mail that we have sent you first.")


class NotSignedIn(AccountError):
    """The request carries no token of a living session."""

    status: ClassVar[int] = 401
    title: ClassVar[str] = "Not signed in"

    def __init__(self) -> None:
        super().__init__("Please sign in.", headers={"WWW-Authenticate": "Bearer"})


class InvalidToken(AccountError):
    """A link that was used, has expired, or never was one: the answer does not tell which."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Invalid link"

    def __init__(self) -> None:
        super().__init__("This link has expired or was used before. Please ask for a new one.")


class WeakPassword(AccountError):
    """A password that a guesser would try early."""

    status: ClassVar[int] = 422
    title: ClassVar[str] = "Password too easy to guess"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.errors = [{"field": "password", "message": message}]


class NoSuchSession(AccountError):
    """The session has ended, or is somebody else's."""

    status: ClassVar[int] = 404
    title: ClassVar[str] = "No such session"

    def __init__(self) -> None:
        super().__init__("You have no session with this id.")
