"""What surrounds every request: security headers, cross-origin protection, the body.

Plain ASGI: Starlette's BaseHTTPMiddleware would put a task and a queue around each request.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import urlsplit

from fastapi import FastAPI
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.settings import settings
from kit.web.bodies import MAX_BODY, BodyLimit, answer_nobody
from kit.web.errors import error_response
from kit.web.problems import Problem
from kit.web.security import add_security_headers, security_headers

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def install_middleware(
    app: FastAPI,
    sources: Mapping[str, Sequence[str]] = MappingProxyType({}),
    uploads: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Add all of it; what is added last is the outermost. sources: see `security_headers`."""
    app.state.security_headers = security_headers(sources)
    app.add_exception_handler(ClientDisconnect, answer_nobody)
    app.add_middleware(HeadIsGet)
    app.add_middleware(BodyLimit, limit=MAX_BODY, uploads=uploads)
    app.add_middleware(Utf8Forms)
    app.add_middleware(CrossOriginProtection)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_credentials=True,
            allow_methods=["DELETE", "GET", "PATCH", "POST", "PUT"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Location", "Retry-After", "X-Request-ID"],
        )
    app.add_middleware(SecurityHeaders)


class HeadIsGet:
    """Answers HEAD wherever GET is answered (RFC 9110, 9.3.2), which FastAPI's routes do not.

    The server leaves out the body: it still knows what was asked.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self.app(scope, receive, send)


class SecurityHeaders:
    """Adds the security headers to every answer that did not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                add_security_headers(headers, scope["path"], scope["app"].state.security_headers)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class CrossOriginProtection:
    """Refuses what another site makes a browser send here (CSRF); forms need no token.

    The rules are those of Go's net/http.CrossOriginProtection. `Sec-Fetch-Site` is set by every
    browser since 2023 and can't be forged by a page; older ones send `Origin`. A request
    with neither comes from no browser, and has no cookies but those it was given on purpose.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_same_origin(scope["method"], Headers(scope=scope)):
            return await self.app(scope, receive, send)
        problem = Problem.of_status(403, "This request came from another site, so it was refused.")
        await error_response(Request(scope), problem)(scope, receive, send)


def _is_same_origin(method: str, headers: Headers) -> bool:
    if method in _SAFE_METHODS:
        return True
    # A browser adds a bearer token to nothing by itself (it does so with Basic credentials).
    if headers.get("authorization", "").lower().startswith("bearer "):
        return True
    origin = headers.get("origin")
    if origin == _own_origin() or origin in settings.origins:
        return True
    if site := headers.get("sec-fetch-site"):
        return site in ("same-origin", "none")
    if origin is None:
        return True
    # Compared as text: `http://[` isn't a valid URL and can't be taken apart.
    scheme, _, host = origin.partition("://")
    downgraded = scheme == "http" and settings.base_url.startswith("https://")
    return bool(host) and host == headers.get("host") and not downgraded


def _own_origin() -> str:
    url = urlsplit(settings.base_url)
    return f"{url.scheme}://{url.netloc}"


class Utf8Forms:
    """Refuses a multipart form in another encoding than UTF-8, which every browser uses.

    Starlette decodes with whatever codec the header names: `undefined` raises, and others make
    text that no answer can hold.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_utf8(Headers(scope=scope)):
            return await self.app(scope, receive, send)
        problem = Problem.of_status(415, "Send forms in UTF-8.")
        await error_response(Request(scope), problem)(scope, receive, send)


def _is_utf8(headers: Headers) -> bool:
    kind, options = parse_options_header(headers.get("content-type"))  # as Starlette reads it
    charset = options.get(b"charset", b"utf-8")
    return kind != b"multipart/form-data" or charset.lower() in (b"utf-8", b"utf8")
