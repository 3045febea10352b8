"""Work beside a request: when it begins, and that its errors harm no other work."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from httpx2 import ASGITransport, AsyncClient, ConnectError
from kit.database import SessionDep
from kit.tasks.background import Background, BackgroundMiddleware, BackgroundRunner, BackgroundWork
from kit.testing import until
from kit.testing.forked import running

from inside.tasks import jobs


@asynccontextmanager
async def serving(*routes: Callable[..., Any]) -> AsyncIterator[AsyncClient]:
    """A client of an application with these routes, each at /name, that logs what it is sent."""
    app = FastAPI()
    app.add_middleware(BackgroundMiddleware)
    app.state.background = BackgroundRunner()
    for route in routes:
        app.get(f"/{route.__name__}", response_model=None)(route)
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client
    await app.state.background.join()


async def test_each_timing_mode_begins_at_its_time() -> None:
    log: list[str] = []

    async def route(background: Background) -> StreamingResponse:
        background.after_response(log.append, "after response")
        background.after_route(log.append, "after route")
        background.now(log.append, "now")
        await until(lambda: "now" in log)
        log.append("route returns")

        async def body() -> AsyncIterator[str]:
            await until(lambda: "after route" in log)
            yield "x"
            log.append("last byte")

        return StreamingResponse(body())

    async with serving(route) as client:
        await client.get("/route")
    assert log == ["now", "route returns", "after route", "last byte", "after response"]


async def test_after_route_begins_when_the_transaction_is_committed() -> None:
    log: list[bool] = []

    async def route(session: SessionDep, background: Background) -> str:
        await session.connection()
        background.after_route(lambda: log.append(session.in_transaction()))
        return "ok"

    async with serving(route) as client:
        await client.get("/route")
    assert log == [False]


async def test_it_works_in_plain_def_routes_and_in_dependencies() -> None:
    log: list[str] = []

    def dependency(background: Background) -> None:
        background.after_response(log.append, "dependency")

    def route(background: Background, _: Annotated[None, Depends(dependency)]) -> str:
        background.now(log.append, "now")
        background.after_response(log.append, "route")
        return "ok"

    async with serving(route) as client:
        assert (await client.get("/route")).status_code == 200
    assert sorted(log) == ["dependency", "now", "route"]


async def test_a_route_that_raises_keeps_only_what_began_at_once() -> None:
    log: list[str] = []

    async def route(background: Background) -> str:
        background.now(log.append, "now")
        background.after_route(log.append, "after route")
        background.after_response(log.append, "after response")
        raise HTTPException(409)

    async with serving(route) as client:
        assert (await client.get("/route")).status_code == 409
    assert log == ["now"]


async def test_one_that_raises_harms_no_other_and_no_later_request() -> None:
    log: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError

    def fail_too(error: Exception) -> None:
        log.append(type(error).__name__)
        raise RuntimeError("the handler fails as well")

    async def route(background: Background) -> str:
        background.after_response(fail)
        background.after_response(fail, on_error=fail_too)
        background.now(fail, on_error=fail_too)
        background.after_response(log.append, "fine")
        return "ok"

    async with serving(route) as client:
        for _ in range(2):
            assert (await client.get("/route")).status_code == 200
    assert sorted(log) == ["ZeroDivisionError"] * 4 + ["fine"] * 2


async def test_what_asks_to_exit_does_not_end_the_server() -> None:
    log: list[str] = []

    async def leave() -> None:
        raise SystemExit(7)

    async def route(background: Background) -> str:
        background.now(leave)
        background.after_response(leave)
        background.after_response(log.append, "fine")
        return "ok"

    async with serving(route) as client:
        assert (await client.get("/route")).status_code == 200
    assert log == ["fine"]


async def test_a_mounted_application_shares_the_runner() -> None:
    log: list[str] = []
    mounted = FastAPI()

    @mounted.get("/route")
    async def route(background: Background) -> str:
        background.after_response(log.append, "ran")
        return "ok"

    app = FastAPI()
    app.mount("/mounted", mounted)
    app.add_middleware(BackgroundMiddleware)
    app.state.background = BackgroundRunner()
    async with AsyncClient(transport=ASGITransport(app), base_url="http://testserver") as client:
        assert (await client.get("/mounted/route")).status_code == 200
    await app.state.background.join()
    assert log == ["ran"]


async def test_an_error_handler_may_be_async_and_gets_the_error() -> None:
    log: list[Exception] = []

    async def fail() -> None:
        raise ZeroDivisionError("by zero")

    async def remember(error: Exception) -> None:
        log.append(error)

    async def route(background: Background) -> str:
        background.after_route(fail, on_error=remember)
        return "ok"

    async with serving(route) as client:
        await client.get("/route")
    assert [str(error) for error in log] == ["by zero"]


async def test_partials_and_callable_objects_work() -> None:
    log: list[str] = []

    class Callable_:  # noqa: N801
        async def __call__(self, text: str) -> None:
            log.append(text)

    async def write(*, text: str) -> None:
        log.append(text)

    async def route(background: Background) -> str:
        background.after_response(Callable_(), "object")
        background.after_response(partial(write, text="partial"))
        return "ok"

    async with serving(route) as client:
        await client.get("/route")
    assert sorted(log) == ["object", "partial"]


async def test_fastapis_own_background_tasks_work_beside_it() -> None:
    log: list[str] = []

    async def route(background: Background, tasks: BackgroundTasks) -> str:
        tasks.add_task(log.append, "theirs")
        background.after_response(log.append, "ours")
        return "ok"

    async with serving(route) as client:
        await client.get("/route")
    assert sorted(log) == ["ours", "theirs"]


async def test_stop_gives_up_on_shielded_work_that_never_ends() -> None:
    runner = BackgroundRunner()
    runner.spawn(asyncio.Event().wait, shield=True, on_error=None)
    await asyncio.wait_for(runner.stop(timedelta(milliseconds=10)), timeout=5)


if TYPE_CHECKING:  # `make check` fails when the wrong call passes, or the right one does not

    def takes(number: int, text: str) -> None: ...

    def arguments_are_checked(work: BackgroundWork) -> None:
        work.now(takes, 1, "x", shield=True)
        work.after_response(takes, "x", 1)  # type: ignore[arg-type]


async def test_sigterm_finishes_shielded_work_and_drops_the_rest(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = f"from inside.tasks import server; server.serve({port}, {str(log)!r})"

    async def answers() -> bool:
        try:
            async with AsyncClient() as client:
                return (await client.get(f"http://127.0.0.1:{port}/")).status_code == 200
        except ConnectError:
            return False

    with running(code) as server:
        await until(answers)
        await until(lambda: len(jobs.lines(log)) >= 3)
        server.terminate()
        await server.ended()
    assert sorted(jobs.lines(log)) == [
        "shielded begun",
        "shielded finished",
        "shielded thread begun",
        "shielded thread finished",
        "unshielded begun",
    ]
