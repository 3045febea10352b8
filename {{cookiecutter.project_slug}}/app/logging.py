"""Structured logs: readable in development, JSON in production, one request id throughout."""

import logging
import re
import sys
import time
from collections.abc import MutableMapping
from functools import cache
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import settings

log = structlog.get_logger(__name__)

SECRET = re.compile(r"password|token|secret|authorization|cookie|api_?key", re.IGNORECASE)
TOKEN_IN_URL = re.compile(r"([?&][\w-]*(?:token|key|code)=)[^&\s\"']+", re.IGNORECASE)
CHATTY = (
    *("aiosqlite", "alembic.runtime.plugins", "asyncio", "httpx", "httpx2"),
    *("multipart", "python_multipart", "watchfiles"),
)
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


@cache
def configure_logging() -> None:
    """Send structlog and the standard library's loggers through one chain to stderr, once."""
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
    for name in (
        "aiosqlite",
        "asyncio",
        "watchfiles",
        "multipart",
        "python_multipart",
        "httpx",
        "httpx2",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)


def _renderers() -> list[Any]:
    """Tracebacks are without local variables, which would be passwords sooner or later."""
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
    """Uvicorn says everything twice, the second time for terminals."""
    event.pop("color_message", None)
    return event


class RequestLog:
    """Gives every request an id, keeps it in the log context, and logs one line per request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started, status = time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            if scope["path"] not in QUIET and not scope["path"].startswith("/static/"):
                milliseconds = round((time.perf_counter() - started) * 1000, 1)
                log.info(
                    "request",
                    method=scope["method"],
                    path=quote(scope["path"]),  # no escape sequence reaches a terminal
                    status=status,
                    ms=milliseconds,
                )


QUIET = frozenset({"/healthz", "/readyz"})
"""Asked every few seconds by machines; their lines would hide the others."""
