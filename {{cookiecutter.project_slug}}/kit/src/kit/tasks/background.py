"""Small work tied to one request, which may be lost: a cache to warm, a line of analytics.

    @router.post("/orders")
    async def create_order(order: OrderIn, background: Background) -> OrderOut:
        background.now(warm_cache, order.id)               # starts at once, beside the route
        background.after_route(notify_dashboard, order.id)  # when it has returned and committed
        background.after_response(track, order.id, shield=True, on_error=report)

Positional arguments follow the function, as with `asyncio.call_soon`; for keywords use
`functools.partial`. A `def` runs in a thread, an `async def` on the event loop.
What must not be lost is a task (see `kit/tasks/__init__.py`).
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from typing import Annotated, TypeVarTuple

from fastapi import Depends, Request
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.logging import get_logger
from kit.tasks.threads import in_thread

log = get_logger(__name__)

Ts = TypeVarTuple("Ts")
ErrorHandler = Callable[[Exception], object]
"""Called with what a callable raised; plain or async."""


class BackgroundRunner:
    """Runs callables until the server stops; one that raises harms no other."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._shielded: set[asyncio.Task[None]] = set()
        self._unshielded: set[asyncio.Task[None]] = set()

    def spawn(
        self, work: Callable[[], object], *, shield: bool, on_error: ErrorHandler | None
    ) -> None:
        """Start `work` on the event loop; may be called from any thread."""
        self._loop.call_soon_threadsafe(
            self._start, _run(work, on_error), shield, context=copy_context()
        )

    def _start(self, running: Awaitable[None], shield: bool) -> None:
        task = asyncio.ensure_future(running)
        group = self._shielded if shield else self._unshielded
        group.add(task)
        task.add_done_callback(group.discard)

    async def join(self) -> None:
        """Wait until nothing runs: for tests."""
        await asyncio.sleep(0)
        while running := self._shielded | self._unshielded:
            await asyncio.wait(running)

    async def stop(self, within: timedelta) -> None:
        """Cancel what is not shielded, and finish what is, within `within`."""
        await asyncio.sleep(0)  # what a last request spawned has started now
        for task in self._unshielded:
            task.cancel()
        if unfinished := self._shielded | self._unshielded:
            _, late = await asyncio.wait(unfinished, timeout=within.total_seconds())
            if late:
                log.error("background work was not finished at shutdown", count=len(late))


async def _run(work: Callable[[], object], on_error: ErrorHandler | None) -> None:
    try:
        await _call(work)
    except SystemExit as exit_:  # a library's sys.exit() must not end the server
        log.error("background work asked to exit", work=_name(work), code=exit_.code)
    except Exception as error:
        if on_error is None:
            log.exception("background work failed", work=_name(work))
            return
        try:
            await _call(partial(on_error, error))
        except (Exception, SystemExit):
            log.exception("the error handler of background work failed", work=_name(work))


async def _call(work: Callable[[], object]) -> None:
    function = work.func if isinstance(work, partial) else work
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object with `async def __call__`
    ):
        result = work()
    else:
        result = await in_thread(work)
    if inspect.isawaitable(result):
        await result


def _name(work: Callable[[], object]) -> str:
    function = work.func if isinstance(work, partial) else work
    return getattr(function, "__qualname__", repr(function))


class BackgroundWork:
    """What one request wants done beside it. Take it as a parameter: `background: Background`.

    If the route (or a dependency, or the COMMIT) raises, only what `now` started runs.
    """

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._after_route: list[Callable[[], None]] = []
        self._after_response: list[Callable[[], None]] = []

    def now(
        self,
        function: Callable[[*Ts], object],
        *args: *Ts,
        shield: bool = False,
        on_error: ErrorHandler | None = None,
    ) -> None:
        """Start `function(*args)` at once, beside the route."""
        runner: BackgroundRunner = self._app.state.background
        runner.spawn(partial(function, *args), shield=shield, on_error=on_error)

    def after_route(
        self,
        function: Callable[[*Ts], object],
        *args: *Ts,
        shield: bool = False,
        on_error: ErrorHandler | None = None,
    ) -> None:
        """Start `function(*args)` when the route has returned and its transaction is committed."""
        self._after_route.append(
            partial(self.now, function, *args, shield=shield, on_error=on_error)
        )

    def after_response(
        self,
        function: Callable[[*Ts], object],
        *args: *Ts,
        shield: bool = False,
        on_error: ErrorHandler | None = None,
    ) -> None:
        """Start `function(*args)` when the last byte of the answer has been sent."""
        self._after_response.append(
            partial(self.now, function, *args, shield=shield, on_error=on_error)
        )

    def _forget(self) -> None:
        self._after_route.clear()
        self._after_response.clear()

    def _start(self, waiting: list[Callable[[], None]]) -> None:
        while waiting:
            waiting.pop(0)()


async def _background(request: Request) -> AsyncIterator[BackgroundWork]:
    work: BackgroundWork = request.scope[_SCOPE_KEY]
    try:
        yield work
    except BaseException:
        work._forget()
        raise


Background = Annotated[BackgroundWork, Depends(_background)]
_SCOPE_KEY = "kit.background"


class BackgroundMiddleware:
    """Knows when the answer begins and when its last byte is out, which a dependency does not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        scope[_SCOPE_KEY] = work = BackgroundWork(scope["app"])

        async def send_and_start(message: Message) -> None:
            if message["type"] == "http.response.start":
                work._start(work._after_route)
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                work._start(work._after_response)

        await self.app(scope, receive, send_and_start)
