"""The event loop of a broker's worker process: one for each process, as long as it lives.

Brokers' workers are made of processes and threads that run one function a time. Each of them
calls `run_job` and waits; the jobs of a process run together on its one loop, so that
database engine, SMTP connections and HTTP clients live as long as the process, and no future
is ever "attached to a different loop". Leases and results are the in-process worker's.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from threading import Event, Lock, Thread, main_thread
from uuid import UUID

from kit.database import engine
from kit.logging import get_logger
from kit.tasks.worker.worker import Worker

log = get_logger(__name__)


class Stopping(Exception):
    """This process is about to end and may not have run the job: give it to another one."""


class WorkerLoop:
    """A thread with an event loop that runs one Worker, which takes only the jobs it is given."""

    def __init__(self) -> None:
        self.stopping = False
        self._has_ended = False
        self._at_end: Callable[[], None] | None = None
        self._started = Event()
        self._thread = Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()
        self._started.wait()

    def begin_job(self, job_id: UUID) -> Future[None]:
        """Run the job unless it is settled or another worker has it; done when it is settled."""
        if not self.stopping:
            return asyncio.run_coroutine_threadsafe(self._worker.submit(job_id), self._loop)
        refused: Future[None] = Future()
        refused.set_exception(Stopping())
        return refused

    def run_job(self, job_id: UUID) -> None:
        """`begin_job`, and wait. Raises Stopping."""
        try:
            self.begin_job(job_id).result()
        except CancelledError:  # the loop has ended meanwhile
            self.stopping = True
        if self.stopping:
            raise Stopping

    def stop(self) -> None:
        """Finish what runs or hand it back, within SHUTDOWN_TIMEOUT. Safe in a signal handler."""
        if not self.stopping:
            self.stopping = True
            self._loop.call_soon_threadsafe(self._worker.stop)

    def at_end(self, call: Callable[[], None]) -> None:
        """Call this when all is finished or handed back; at once if the loop has ended already."""
        self._at_end = call
        if self._has_ended:  # it may be called twice then
            Thread(target=call, name="end", daemon=True).start()

    def join(self) -> None:
        """Wait until all is finished or handed back."""
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException:
            self.stopping = True
            self._started.set()
            log.critical("the loop of the jobs has failed; ending the process", exc_info=True)
            # To the process, the signal may end in this thread, and the main one sleep on.
            signal.pthread_kill(main_thread().ident or 0, signal.SIGTERM)
        self._has_ended = True
        if self._at_end:
            self._at_end()

    async def _work(self) -> None:
        self._loop, self._worker = asyncio.get_running_loop(), Worker(poll=False)
        self._started.set()
        try:
            await self._worker.run()
        finally:
            self.stopping = True
            await engine.dispose()


_lock = Lock()
_loop: WorkerLoop | None = None


def start() -> WorkerLoop:
    """The loop of this process, which starts with the first call: after a fork, not before."""
    global _loop
    with _lock:
        _loop = _loop or WorkerLoop()
    return _loop


def run_job(job_id: str) -> None:
    """Run a job on the loop of this process, and wait until it is settled; raises Stopping."""
    start().run_job(UUID(job_id))


def begin_job(job_id: str) -> Future[None]:
    """Run a job on the loop of this process; the future is done when it is settled, or never
    begun because the process is about to end.
    """
    return start().begin_job(UUID(job_id))


def stop(at_end: Callable[[], None] | None = None) -> None:
    """Begin to stop the loop of this process: what runs is finished or handed back.

    at_end: called in another thread once that is done; perhaps twice.
    """
    if _loop and at_end:
        _loop.at_end(at_end)
    if _loop:
        _loop.stop()


@atexit.register
def finish() -> None:
    """Stop the loop of this process, if it has one, and wait until what it has begun is done."""
    stop()
    if _loop:
        _loop.join()


def _after_fork() -> None:
    """A child has neither its parent's threads nor a right to its parent's connections."""
    global _lock, _loop
    _lock, _loop = Lock(), None
    engine.sync_engine.dispose(close=False)


os.register_at_fork(after_in_child=_after_fork)
