"""The engines: who runs the jobs that are in the table.

An engine is a module of `adapters` with a class `Engine`; `TASKS_ENGINE` names the module.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from threading import Event
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from kit.discovery import BrokenModule
from kit.settings import settings

if TYPE_CHECKING:
    from kit.tasks.announcements import JobRef


class Engine(Protocol):
    """What an engine must do. The table is the truth; an engine only makes it fast."""

    brokered: ClassVar[bool]
    """Whether jobs have to be announced: workers learn of them by messages, not by looking."""

    async def start(self) -> None:
        """Called when a web process starts."""

    async def stop(self) -> None:
        """Called when a web process stops; finishes or hands back what runs here."""

    def committed(self, jobs: Sequence[JobRef]) -> None:
        """Called right after the COMMIT that made these jobs visible.

        Those that are due later come again when they are (if `brokered`). Must not block
        the event loop; what it raises is logged, and the sweep repairs it.
        """

    def ping(self) -> None:
        """Raise if the broker does not answer within a few seconds. Called in a thread."""

    def work(self, *, concurrency: int) -> None:
        """Run a worker in this process until SIGTERM or SIGINT (`manage worker`)."""


def on_sigterm(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM and Ctrl+C, instead of ending at once; a second one does end."""
    loop = asyncio.get_running_loop()

    def stop_once() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_once)


def wait_for_sigterm() -> None:
    """The same for a main thread without an event loop: return on SIGTERM and Ctrl+C."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(timeout=1):
        pass  # any thread may be given the signal, and this one, which has to handle it, sleep on


@cache
def current() -> Engine:
    """The engine of the settings. Stops the program with one line if it can't be imported."""
    name = f"kit.tasks.adapters.{settings.tasks_engine}"
    try:
        return cast(Engine, import_module(name).Engine())
    except ModuleNotFoundError as error:
        engine = settings.tasks_engine
        raise SystemExit(
            f"TASKS_ENGINE: {engine} needs {error.name}, which is not installed; "
            f'write "kit[{engine}]" into pyproject.toml and run `uv sync`'
        ) from None
    except BrokenModule as error:  # app/celery.py
        raise SystemExit(str(error)) from None
