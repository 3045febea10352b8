"""Reads the body of a request before the application sees it, within bounds of size and time.

So nothing scarce is held while a client is waited for: no database connection, no transaction, no
turn at hashing, whatever a route or a page does. Paths for uploads get their body as it arrives.
"""

from asyncio import timeout
from collections.abc import Mapping
from datetime import timedelta

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.clients import watched
from kit.web.errors import error_response
from kit.web.problems import Problem

MAX_BODY = 64 * 1024
"""Bytes of one request: room for any form, and too few to keep the process busy for long."""
BODY_WITHIN = timedelta(seconds=30)
"""How long a body may take: 64 KiB at 17 kbit/s, which is slower than any phone."""
CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that hung up before it had an answer; only the log shows it."""


class TooLarge(Exception):
    """The body has more bytes than the path takes."""


class BodyLimit:
    """Answers 413 to a body above the limit, 408 to one that takes too long.

    FastAPI's own `max_body_size` answers in plain text, which no handler can change.
    """

    def __init__(self, app: ASGIApp, limit: int, uploads: Mapping[str, int]) -> None:
        self.app = app
        self.limit = limit
        self.uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        raised = (n for prefix, n in self.uploads.items() if scope["path"].startswith(prefix))
        upload = max(raised, default=0)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > (upload or self.limit):
            return await _refuse(413)(scope, receive, send)
        if upload:
            return await self.app(scope, _counted(receive, upload), send)
        try:
            async with timeout(BODY_WITHIN.total_seconds()):
                body = await _read(receive, self.limit)
        except TooLarge:
            return await _refuse(413)(scope, receive, send)
        except TimeoutError:
            return await _refuse(408)(scope, receive, send)
        except ClientDisconnect:
            return await Response(status_code=CLIENT_CLOSED_REQUEST)(scope, receive, send)
        with watched(receive):
            await self.app(scope, _replayed(body, receive), send)


async def answer_nobody(_request: Request, _error: Exception) -> Response:
    """The handler of ClientDisconnect: no one reads the answer, and it is not our error."""
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _read(receive: Receive, limit: int) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise TooLarge
        if not message.get("more_body"):
            return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _counted(receive: Receive, limit: int) -> Receive:
    size = 0

    async def count() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise HTTPException(413)
        return message

    return count


def _refuse(status: int) -> ASGIApp:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        response = error_response(Request(scope), Problem.of_status(status))
        response.headers["Connection"] = "close"  # the rest of the body is not read
        await response(scope, receive, send)

    return refuse
