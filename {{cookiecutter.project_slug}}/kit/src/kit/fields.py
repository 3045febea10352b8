"""Types for what people type: checked, normalised, and safe to store.

Every text has a greatest length and no NUL, which PostgreSQL can't store.
"""

import re
import unicodedata
from typing import Annotated

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

from kit.passwords.policy import MAX_LENGTH, MIN_LENGTH


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
    """A name stands in pages and e-mails: it has no line breaks, and it isn't a link.

    Names have dots and slashes ("J.R. Smith", "Rajan A/L Muthu"). A mail program makes a link of
    `evil.com`, so mail a name only to its owner, once the address is confirmed.
    """
    if any(unicodedata.category(c) in _NO_TEXT or c in _BIDI_CONTROLS for c in value):
        raise PydanticCustomError("name", "This may not contain control characters")
    if _LINK.search(unicodedata.normalize("NFKC", value)):
        raise PydanticCustomError("name", "This may not contain a link or an address")
    return value


_NO_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINK = re.compile(
    r"://|@|\bwww\.|\w[.\u3002](?:com|net|org|info|biz|io|app|dev|xyz|top|shop|site|online|click)\b",
    re.IGNORECASE,
)
"""What mail programs make a link of, as far as no name looks like it."""


def _one_line(value: str) -> str:
    if any(unicodedata.category(character) in _NO_TEXT for character in value):
        raise PydanticCustomError("line", "This may not contain line breaks or control characters")
    return value


EmailAddress = Annotated[
    str,
    StringConstraints(max_length=254),
    AfterValidator(_normalise_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254}),
]
"""An address, normalised, so that a plain unique column tells whether it is taken."""

PersonName = Annotated[
    str,
    BeforeValidator(lambda name: "" if name is None else name),  # clients say null for no name
    StringConstraints(strip_whitespace=True, max_length=100),
    AfterValidator(_a_name),
]
"""What people call themselves; null is the empty name."""

Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_one_line),
]
"""A line of text that is not empty, such as a title; fit for the subject of an e-mail."""

NewPassword = Annotated[SecretStr, *_password(at_least=MIN_LENGTH)]
"""A password that is about to be set; `check_password` says whether it is too easy to guess."""

Password = Annotated[SecretStr, *_password(at_least=1)]
"""A password to compare with the one that is set."""

Token = Annotated[
    str, StringConstraints(min_length=1, max_length=500), AfterValidator(_without_nul)
]
"""The token of a mailed link, as it came back."""


class Input(BaseModel):
    """What a client sends. Unknown fields are refused: mostly they are misspelled ones."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
