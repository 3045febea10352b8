"""uvicorn's HTTP protocol, with bounds for clients that send headers without end.

A proxy in front has such bounds. Without one, a single connection could fill the memory with
headers, and a thousand connections that never finish theirs would use up all file descriptors.
"""

import asyncio
import sys
from datetime import timedelta
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADERS = 64 * 1024
"""Bytes of one request's line and headers, as in h11; nginx allows 32 KiB."""
HEADERS_WITHIN = timedelta(seconds=10)
"""From the connection, or the first byte of a later request, to the end of the headers."""
MOST_CONNECTIONS = 10_000


def connection_limit() -> int:
    """How many connections one process serves: what its file descriptors allow, less a reserve."""
    if sys.platform == "win32":
        return 500
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MOST_CONNECTIONS, max(files - 200, files // 2))


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections with headers that are too long or too slow, and those beyond the limit."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._header_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.limit_concurrency and len(self.connections) > self.limit_concurrency:
            self._reject(503, "Service Unavailable")
        else:
            self._expect_headers()

    def data_received(self, data: bytes) -> None:
        self._header_bytes += len(data)
        super().data_received(data)
        if self._deadline and self._header_bytes > MAX_HEADERS:
            self._reject(431, "Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        if self._deadline is None:  # a later request on a connection that is kept
            self._expect_headers()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _expect_headers(self) -> None:
        self._header_bytes = 0
        self._deadline = self.loop.call_later(
            HEADERS_WITHIN.total_seconds(), self._reject, 408, "Request Timeout"
        )

    def _stop_waiting(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _reject(self, status: int, reason: str) -> None:
        self._stop_waiting()
        self.transport.write(
            f"HTTP/1.1 {status} {reason}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
        )
        self.transport.close()
