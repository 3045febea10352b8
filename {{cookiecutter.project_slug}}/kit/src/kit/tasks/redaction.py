"""What of a job people may see: its arguments without secrets, its error without details."""

import re
from typing import Any

from kit.logging import SECRET, TOKEN_IN_URL
from kit.tasks.models import WORKER_DIED, headline

REDACTED = "[redacted]"
_CLASS = re.compile(r"[\w.]*?(\w+)(?=:|$)")


def redacted(value: Any) -> Any:  # whatever JSON can hold
    """The value with secrets blanked: by the names in it, and tokens in its URLs.

    Tasks take ids and no secrets (see `kit/tasks/__init__.py`); this is for the one that does.
    """
    match value:
        case dict():
            return {name: _redacted_item(name, item) for name, item in value.items()}
        case list():
            return [redacted(item) for item in value]
        case str():
            return TOKEN_IN_URL.sub(rf"\1{REDACTED}", value)
    return value


def _redacted_item(name: str, item: Any) -> Any:
    return REDACTED if SECRET.search(name) and item is not None else redacted(item)


def error_class(error: str) -> str:
    """The class of the exception that ended an attempt, for readers who may not see its message.

    error: `Job.error`, which is a traceback, or a line such as `Discard: the user is gone`.
    """
    if error.startswith(WORKER_DIED):
        return "WorkerDied"
    found = _CLASS.match(headline(error))
    return found[1] if found else "Error"
