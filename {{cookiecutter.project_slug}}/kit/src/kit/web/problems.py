"""Problem details (RFC 9457): what a client reads when something went wrong."""

import re
from collections.abc import Iterable, Mapping
from http.client import responses
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from kit.errors import AppError

MEDIA_TYPE = "application/problem+json"
_MOST_ERRORS = 50
"""A body with a hundred thousand unknown fields does not get as many messages."""

FILL_IN = "Please fill this in."


class FieldError(BaseModel):
    """One field, and what is wrong with it in words for people."""

    field: str
    message: str


class Problem(BaseModel):
    """What went wrong; `type` names the kind of error for programs and never changes."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldError] | None = None

    @classmethod
    def of_status(cls, status: int, detail: str | None = None) -> "Problem":
        """A problem that says no more than its HTTP status, and perhaps a sentence."""
        title = responses.get(status, "Error")
        return cls(title=title, status=status, detail=None if detail == title else detail)

    @classmethod
    def of_error(cls, error: AppError) -> "Problem":
        """A domain error; its type is made of its class's name: `/problems/invalid-token`."""
        name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
        return cls(
            type=f"/problems/{name}",
            title=error.title,
            status=error.status,
            detail=error.detail or None,
            errors=field_errors_of(error) or None,
        )


def field_errors_of(error: AppError) -> list[FieldError]:
    """The field errors that a domain error may carry as `errors`: field → message, or a list."""
    errors = getattr(error, "errors", None) or []
    if isinstance(errors, Mapping):
        return [FieldError(field=field, message=text) for field, text in errors.items()]
    return [FieldError.model_validate(e, from_attributes=True) for e in errors]


def explain_all(errors: Iterable[Mapping[str, Any] | ErrorDetails]) -> list[FieldError]:
    """Pydantic's errors as field and message; what was typed is not repeated (passwords!)."""
    return [
        FieldError(field=_field(error["loc"]), message=explain(error))
        for error, _ in zip(errors, range(_MOST_ERRORS), strict=False)
    ]


def explain(error: Mapping[str, Any] | ErrorDetails) -> str:
    """One of pydantic's errors in a sentence that tells a person what to do."""
    context = error.get("ctx") or {}
    unit = "entries" if context.get("field_type", "Value") != "Value" else "characters"
    match error["type"]:
        case "missing":
            return FILL_IN
        case "string_too_short" | "too_short" if context["min_length"] == 1:
            return FILL_IN
        case "string_too_short" | "too_short":  # the latter for a SecretStr as well
            return f"Use at least {context['min_length']} {unit}."
        case "string_too_long" | "too_long":
            return f"Use at most {context['max_length']} {unit}."
        case "int_parsing" | "int_from_float":
            return "Enter a whole number."
        case "float_parsing" | "decimal_parsing":
            return "Enter a number."
        case "extra_forbidden":
            return "There is no such field."
        case "model_attributes_type" | "dict_type" | "model_type":
            return "Send a JSON object, with the header Content-Type: application/json."
        case "value_error" if "reason" in context:  # email-validator's own words
            reason = str(context["reason"]).replace("email", "e-mail")
            return f"This does not look like an e-mail address. {reason}"
    text = str(error["msg"]).removeprefix("Value error, ").replace("Input should", "This should", 1)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _field(loc: tuple[int | str, ...]) -> str:
    """`("body", "items", 0, "name")` → `items.0.name`, printable whatever the client called it."""
    parts = loc[1:] if len(loc) > 1 and loc[0] in _PLACES else loc
    name = ".".join(map(str, parts))[:100]
    return name.encode("utf-8", "backslashreplace").decode()


_PLACES = frozenset({"body", "query", "path", "header", "cookie"})
