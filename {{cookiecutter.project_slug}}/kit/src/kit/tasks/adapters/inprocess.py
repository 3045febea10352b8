"""The embedded default: the web process runs the jobs, and `manage worker` may help."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence

from kit.logging import get_logger
from kit.tasks import engines
from kit.tasks.announcements import JobRef
from kit.tasks.listening import listen
from kit.tasks.schedule import Scheduler
from kit.tasks.worker.worker import Worker

log = get_logger(__name__)


class Engine:
    brokered = False

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._scheduler: Scheduler | None = None
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._worker, self._scheduler = Worker(), Scheduler()
        self._running = [
            asyncio.create_task(self._worker.run(), name="worker"),
            asyncio.create_task(self._scheduler.run(), name="scheduler"),
        ]
        for running in self._running:
            running.add_done_callback(_end_if_it_failed)

    async def stop(self) -> None:
        if self._worker and self._scheduler:
            self._scheduler.stop()
            self._worker.stop()
            await asyncio.gather(*self._running, return_exceptions=True)
        self._worker = self._scheduler = None

    def committed(self, jobs: Sequence[JobRef]) -> None:
        if self._worker:
            self._worker.wake()

    def ping(self) -> None:
        """There is no broker."""

    def work(self, *, concurrency: int) -> None:
        asyncio.run(self._work(concurrency))

    async def _work(self, concurrency: int) -> None:
        self._worker = Worker(concurrency=concurrency)
        engines.on_sigterm(self._worker.stop)
        listens = asyncio.create_task(listen(self._worker.wake))
        await self._worker.run()
        listens.cancel()


def _end_if_it_failed(running: asyncio.Task[None]) -> None:
    """End the server, so that it is restarted: it would look healthy and run no job."""
    if not running.cancelled() and (error := running.exception()):
        log.critical("background work has stopped; ending the server", exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)
