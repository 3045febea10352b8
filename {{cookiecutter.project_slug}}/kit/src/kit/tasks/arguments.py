"""How the arguments of a task are checked, and stored as JSON."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, NotRequired, cast, get_type_hints

from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict


@cache
def stored(function: Callable[..., Any]) -> tuple[inspect.Signature, TypeAdapter[dict[str, Any]]]:
    """The signature, and how its arguments are stored: strictly, so `"1"` is not an int.

    Raises TypeError for a signature that can't be stored. Defaults are not stored, so a new
    parameter that has one fits the jobs that wait already.
    """
    signature, hints = inspect.signature(function), get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"*{name} can't be stored; name each one")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise TypeError(f"{name} is stored by name; remove the /")
        if name not in hints:
            raise TypeError(f"parameter {name} needs a type")
        required = parameter.default is parameter.empty
        fields[name] = hints[name] if required else NotRequired[hints[name]]
    arguments = cast(Any, TypedDict)(f"the arguments of {function.__qualname__}", fields)
    arguments.__pydantic_config__ = ConfigDict(strict=True, extra="forbid")
    return signature, TypeAdapter(arguments)
