"""Clients that are slow, or leave: nothing scarce is held for them, and nobody is alarmed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import httpx2
import pytest
import uvicorn
from kit.database import engine
from kit.passwords import hash_password, hashing
from kit.settings import settings
from kit.web import bodies, protocol
from kit.web.protocol import BoundedProtocol
from structlog.testing import capture_logs

from tests.accounts.fixtures import EMAIL, PASSWORD

FORM = (
    b"POST /login HTTP/1.1\r\nHost: testserver\r\nCookie: session=abc\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 40\r\n\r\nemail=a"
)


@pytest.fixture
async def server() -> AsyncIterator[uvicorn.Server]:
    """A real server of the application, in this process."""
    from app.main import app

    config = uvicorn.Config(
        app, port=0, http=BoundedProtocol, limit_concurrency=100, log_config=None, lifespan="on"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    yield server
    server.should_exit = True
    await serving


@pytest.fixture
def port(server: uvicorn.Server) -> int:
    number: int = server.servers[0].sockets[0].getsockname()[1]
    return number


async def until(condition: Callable[[], object]) -> None:
    """Wait for what must come."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is looked at sets no event
            await asyncio.sleep(0.01)


async def connect(port: int, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    return reader, writer


async def test_forms_that_stop_half_way_hold_no_database_connection(port: int) -> None:
    waiting = [await connect(port, FORM) for _ in range(40)]
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = await client.get("/login", headers={"Cookie": "session=abc"})
    assert answer.status_code == 200
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # both databases have a queue
    for _, writer in waiting:
        writer.close()


@pytest.mark.parametrize("path", ["/login", "/register", "/api/v1/auth/login"])
async def test_a_client_that_leaves_half_way_is_one_line_at_info(port: int, path: str) -> None:
    with capture_logs() as lines:
        _, writer = await connect(port, FORM.replace(b"/login", path.encode()))
        writer.close()
        await until(lambda: lines)
    (line,) = lines
    assert (line["log_level"], line["event"], line["status"]) == ("info", "request", 499)


async def test_a_body_that_comes_too_slowly_is_refused(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_WITHIN", timedelta(milliseconds=50))
    reader, writer = await connect(port, FORM)
    assert await reader.readline() == b"HTTP/1.1 408 Request Timeout\r\n"
    writer.close()


async def test_headers_that_come_too_slowly_end_the_connection(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEADERS_WITHIN", timedelta(milliseconds=50))
    reader, writer = await connect(port, b"GET / HTTP/1.1\r\nHost: testserver\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_headers_without_end_are_refused(port: int) -> None:
    line = b"X-Filler: " + b"x" * 1000 + b"\r\n"
    reader, writer = await connect(port, b"GET / HTTP/1.1\r\nHost: testserver\r\n" + line * 80)
    assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
    writer.close()


async def test_connections_beyond_the_limit_are_turned_away(port: int) -> None:
    waiting = [await connect(port, b"") for _ in range(100)]
    reader, writer = await connect(port, b"")
    assert (await reader.readline()).startswith(b"HTTP/1.1 503 ")
    for _, other in [*waiting, (reader, writer)]:
        other.close()


async def test_a_long_queue_for_hashing_is_refused(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "MOST_WAITING", 0)
    answer = await client.post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    page = await client.post("/login", data={"email": EMAIL, "password": PASSWORD})
    assert page.status_code == 503
    assert "try again in a few seconds" in page.text


async def test_a_client_that_left_while_it_waited_to_be_hashed_is_skipped(
    server: uvicorn.Server, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    def remember(password: str) -> str:
        hashed.append(password)
        return password

    monkeypatch.setattr(hashing, "_normalised", remember)
    monkeypatch.setattr(settings, "rate_limits", False)
    turns = hashing._turns()
    for _ in range(turns.slots._value):
        await turns.slots.acquire()
    body = f"email={EMAIL}&password=of+one+who+left"
    head = FORM.partition(b"Content-Length")[0].decode()
    with capture_logs() as lines:
        _, writer = await connect(port, f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        await until(lambda: turns.waiting)
        writer.close()
        await until(lambda: not server.server_state.connections)
        turns.slots.release()
        await until(lambda: lines)
    turns.slots.release()
    assert lines[0]["status"] == 499
    assert hashed == []
    await hash_password(PASSWORD)
    assert hashed == [PASSWORD]
