"""Structured logs: readable in development, JSON in production, one request id throughout."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import MutableMapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, cast

from kit.settings import settings

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

SECRET = re.compile(r"password|token|secret|authorization|cookie|api_?key", re.IGNORECASE)
TOKEN_IN_URL = re.compile(r"([?&][\w-]*(?:token|key|code)=)[^&\s\"']+", re.IGNORECASE)
CHATTY = (
    "aiosqlite",
    "alembic.runtime.plugins",
    "asyncio",
    "httpx",
    "httpx2",
    "multipart",
    "python_multipart",
    "watchfiles",
)
"""Loggers that are heard from WARNING on."""


def get_logger(name: str) -> BoundLogger:
    """A structlog logger: `log.info("mail sent", message_id=…)`.

    structlog is imported with the first line that is logged, not with the module: it brings
    rich and pygments along, a tenth of a second for a command that logs nothing.
    """
    return cast("BoundLogger", _Logger(name))


class _Logger:
    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _logger(self) -> Any:
        import structlog

        return structlog.get_logger(self._name)

    def __getattr__(self, method: str) -> Any:
        return getattr(self._logger, method)


def log_context(**values: object) -> None:
    """Begin anew with these values in every log line of this request or job."""
    from structlog.contextvars import bind_contextvars, clear_contextvars

    clear_contextvars()
    bind_contextvars(**values)


def request_id() -> str | None:
    """The id of the request that this code runs for, also within a job that it enqueued."""
    from structlog.contextvars import get_contextvars

    return get_contextvars().get("request_id")


@cache
def configure_logging() -> None:
    """Send structlog and the standard library's loggers through one chain to stderr, once."""
    import structlog

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        redact,
        drop_color_message,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers()],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for name in ("uvicorn", "uvicorn.error", "alembic"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # Its lines hold the query, and so tokens; RequestLog writes one line per request instead.
    logging.getLogger("uvicorn.access").disabled = True
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


BLOCKED = 0.5
"""Seconds: more than the first use of a template takes, and too long for a user to wait."""


def name_blocking_calls() -> None:
    """Log calls that block this event loop, such as `requests.get` in an `async def`.

    It is asyncio's debug mode, which is slow, so it is for development. See
    https://docs.python.org/3/library/asyncio-dev.html#debug-mode
    """
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = BLOCKED


def _renderers() -> list[Any]:
    """Tracebacks are without local variables, which would be passwords sooner or later."""
    import structlog

    if settings.is_production:
        as_json = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [
            structlog.processors.ExceptionRenderer(as_json),
            structlog.processors.JSONRenderer(),
        ]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def redact(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Blank values whose names say that they are secret, and tokens in URLs."""
    for key, value in event.items():
        if SECRET.search(key) and value is not None:
            event[key] = "[redacted]"
        elif isinstance(value, str) and "=" in value:
            event[key] = TOKEN_IN_URL.sub(r"\1[redacted]", value)
    return event


def drop_color_message(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Uvicorn logs each message twice, the second time with colors."""
    event.pop("color_message", None)
    return event


def summary(error: BaseException) -> str:
    """The first line: a driver's further ones (DETAIL: …) may quote people's data."""
    return f"{type(error).__name__}: {error}".split("\n", 1)[0]
