"""What comes in and what goes out: nothing reaches a service unchecked, no secret leaves."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from kit.fields import EmailAddress, Input, NewPassword, Password, PersonName, Token
from pydantic import BaseModel


class Register(Input):
    email: EmailAddress
    password: NewPassword
    full_name: PersonName = ""


class SignIn(Input):
    email: EmailAddress
    password: Password


class EmailOnly(Input):
    email: EmailAddress


class VerifyEmail(Input):
    token: Token


class ResetPassword(Input):
    token: Token
    password: NewPassword


class FirstSignIn(Input):
    """What the page behind the link of the welcome e-mail asks for."""

    token: Token
    password: Password


class UpdateAccount(Input):
    """What is not sent stays as it is."""

    full_name: PersonName = ""


class ConfirmPassword(Input):
    """What a session alone must not be enough for needs the password once more."""

    current_password: Password


class ChangePassword(ConfirmPassword):
    new_password: NewPassword


class ChangeEmail(ConfirmPassword):
    email: EmailAddress


class ConfirmEmail(Input):
    token: Token


class Message(BaseModel):
    """A sentence for the person in front of the client."""

    detail: str


class AccessToken(BaseModel):
    """The answer of RFC 6749, section 5.1."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int
    """Seconds. Each use within them extends it."""


class UserPublic(BaseModel):
    """What people see of their own account."""

    id: UUID
    email: str
    pending_email: str | None
    """A new address that waits for its owner to confirm it."""
    full_name: str
    is_superuser: bool
    verified_at: datetime | None
    created_at: datetime


class SessionPublic(BaseModel):
    """A device that is signed in."""

    id: UUID
    user_agent: str
    ip: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    current: bool
    """Whether this is the device that asks."""
