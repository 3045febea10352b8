"""An HTTP client that costs next to nothing, for the servers here answer on the same cores.

Raw streams, connections that are kept, requests that are built before the clock starts.
"""

import asyncio
import json
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from time import perf_counter

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_numbers = count(1)

HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Connection:
    """One kept connection, one request at a time."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, request: bytes, *, expect: int) -> float:
        """Seconds until the whole answer was there; raises RuntimeError if it is another status."""
        began = perf_counter()
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1]) if length else 0)
        seconds = perf_counter() - began
        if int(head[9:12]) != expect:
            raise RuntimeError(f"expected {expect}, got {(head + body).decode(errors='replace')}")
        return seconds


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Connection]:
    """A connection to a server on this machine, closed when the block is left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


def new_address() -> str:
    """An address nobody has yet."""
    return f"person-{next(_numbers)}@example.com"


def registration(address: str = "") -> bytes:
    """A request that registers the address, or one that nobody has yet."""
    person = {
        "email": address or new_address(),
        "password": "a long and unheard-of password",
        "full_name": "Ada Lovelace",
    }
    body = json.dumps(person).encode()
    return (
        b"POST /api/v1/auth/register HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    )


async def register_many(port: int, people: int, connections: int = 16) -> float:
    """Register that many people, `connections` at a time; the seconds until the last answer."""
    requests = [registration() for _ in range(people)]
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(connect(port)) for _ in range(connections)]
        began = perf_counter()
        await _share(opened, iter(requests))
        return perf_counter() - began


async def _share(connections: Sequence[Connection], requests: Iterator[bytes]) -> None:
    async def work(connection: Connection) -> None:
        for request in requests:
            await connection.send(request, expect=202)

    async with asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(work(connection))
