"""What comes in and what goes out: nothing reaches a service unchecked, no secret leaves.

Every text has a greatest length and no NUL, which PostgreSQL can't store. Unknown fields are
refused, for they are mostly misspelt ones.
"""

import re
import unicodedata
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SecretStr,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from app.accounts.password_policy import MAX_LENGTH, MIN_LENGTH


def _normalise_email(value: str) -> str:
    """One spelling per mailbox: lower case, NFC, the domain in Unicode.

    RFC 5321 lets a server tell `A@` from `a@`; none that matters does, and people mix them up.
    Only spaces are trimmed: a line break is no slip of the thumb.
    """
    try:
        valid = validate_email(value.strip(" ").lower(), check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        reason = {"reason": str(error)}
        raise PydanticCustomError("value_error", "No e-mail address: {reason}", reason) from None
    return unicodedata.normalize("NFC", valid.normalized)


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("nul", "This may not contain the character NUL")
    return value


def _password(*, at_least: int) -> tuple[AfterValidator, WithJsonSchema]:
    """What pydantic checks of a `str`, but not of a `SecretStr`."""

    def check(value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if len(text) < at_least:
            raise PydanticKnownError("string_too_short", {"min_length": at_least})
        if len(text) > MAX_LENGTH:
            raise PydanticKnownError("string_too_long", {"max_length": MAX_LENGTH})
        if any(unicodedata.category(character) == "Cs" for character in text):
            raise PydanticKnownError("string_unicode")
        _without_nul(text)
        return value

    schema = {"type": "string", "format": "password", "writeOnly": True}
    schema |= {"minLength": at_least, "maxLength": MAX_LENGTH}
    return AfterValidator(check), WithJsonSchema(schema)


def _a_name(value: str) -> str:
    """A name goes into e-mails that we send: it has no line breaks, and is no advertisement."""
    if any(unicodedata.category(c) in _NO_TEXT or c in _BIDI_CONTROLS for c in value):
        raise PydanticCustomError("name", "This may not contain control characters")
    if _ADDRESS.search(unicodedata.normalize("NFKC", value)):
        raise PydanticCustomError("name", "This may not contain a link or an address")
    return value


_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ADDRESS = re.compile(r"[/@]|\w[.\u3002]\w\w")
"""What mail programs make a link of: "evil.com", also with a wide dot; "J.R. Smith" is none."""

EmailAddress = Annotated[
    str,
    StringConstraints(max_length=254),
    AfterValidator(_normalise_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254}),
]
FullName = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=100), AfterValidator(_a_name)
]
OptionalName = Annotated[FullName, BeforeValidator(lambda name: "" if name is None else name)]
"""Clients say null for a name that nobody gave."""
NewPassword = Annotated[SecretStr, *_password(at_least=MIN_LENGTH)]
Password = Annotated[SecretStr, *_password(at_least=1)]
Token = Annotated[
    str, StringConstraints(min_length=1, max_length=500), AfterValidator(_without_nul)
]


class Input(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Register(Input):
    email: EmailAddress
    password: NewPassword
    full_name: OptionalName = ""


class Login(Input):
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

    full_name: OptionalName = ""


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
    """Seconds; each use within them prolongs it."""


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
    """Whether this is the one that asks."""
