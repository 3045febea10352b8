"""Tells a broker of committed jobs, from one thread for which nobody waits.

A message is a hint, no more: the row is committed. So whoever commits never waits for the
broker. What it does not take waits here, as far as there is room, and in the table anyway.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from queue import Full, Queue
from threading import Lock, Thread

from app.database import utcnow
from app.logging import get_logger, summary
from app.tasks.commits import JobRef

log = get_logger(__name__)

ROOM = 10_000
"""Messages that wait in memory while the broker is away; more are left to the sweep."""
PAUSE = timedelta(seconds=1)
"""Between two tries while the broker is away."""
LAST_WORDS = timedelta(milliseconds=100)
"""How long the end of a process is put off for what is still unpublished."""


class Publisher:
    """Calls `publish` for each job, in a daemon thread that starts with the first.

    `publish` may block, but must use short socket timeouts and no retries. A fork starts
    anew: the child has its own thread, its own messages and must make its own connections.
    """

    def __init__(self, publish: Callable[[JobRef], None]) -> None:
        self._publish = publish
        self._away = False
        self._start_anew()
        os.register_at_fork(after_in_child=self._start_anew)
        atexit.register(self.close)

    def _start_anew(self) -> None:
        self._lock = Lock()
        self._jobs: Queue[JobRef] = Queue(ROOM)
        self._thread: Thread | None = None

    def submit(self, jobs: Sequence[JobRef]) -> None:
        """Have the jobs published soon; returns at once."""
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._work, name="publisher", daemon=True)
                self._thread.start()
        for job in jobs:
            self._keep(job)

    def _keep(self, job: JobRef) -> None:
        try:
            self._jobs.put_nowait(job)
        except Full:
            log.debug("too many messages wait for the broker; leaving one to the sweep")

    def close(self) -> None:
        """Wait a moment for what is unpublished, unless the broker is away."""
        deadline = time.monotonic() + LAST_WORDS.total_seconds()
        while self._jobs.unfinished_tasks and not self._away and time.monotonic() < deadline:
            time.sleep(0.001)

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                self._publish(job)
            except Exception as error:  # whatever the broker's client raises
                self._keep(job)  # behind the others, should there be something wrong with it
                self._complain(error)
                time.sleep(PAUSE.total_seconds())
            else:
                if self._away:
                    log.warning("the broker takes messages again")
                self._away = False
            self._jobs.task_done()

    def _complain(self, error: Exception) -> None:
        """Once an outage: a busy server would fill the disk with it."""
        if not self._away:
            log.error("the broker takes no messages; trying again", error=summary(error))
        self._away = True


class BrokeredEngine:
    """What the engines with a broker have in common; they publish, answer `ping` and work."""

    brokered = True

    def __init__(self, publish: Callable[[JobRef], None]) -> None:
        self._publisher = Publisher(publish)

    async def start(self) -> None:
        """Nothing to start: jobs run in workers, ticks come from schedulers."""

    async def stop(self) -> None:
        await asyncio.to_thread(self._publisher.close)

    def committed(self, jobs: Sequence[JobRef]) -> None:
        self._publisher.submit([job for job in jobs if job.run_after <= utcnow()])
