"""Tells a broker of committed jobs, in a thread of its own.

A message is only a hint, because the row is committed. So the code that commits never waits for
the broker. Messages that it does not take wait here, as far as there is room, and the jobs
themselves in the table.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from queue import Empty, Full, Queue
from threading import Condition, Lock, Thread
from typing import Any

from redis import Redis

from kit.database import utcnow
from kit.logging import get_logger, summary
from kit.settings import settings
from kit.tasks.announcements import JobRef
from kit.tasks.definition import all_tasks

log = get_logger(__name__)

CONNECT, ANSWER = 2, 5
"""Seconds that a broker has to accept a connection, and to answer."""
ROOM = 10_000
"""Messages that wait in memory while the broker is away; more are left to the sweep."""
BATCH = 100
"""Messages that are sent together, in one round trip, if as many wait."""
PAUSE = timedelta(seconds=1)
"""Between two tries while the broker is away."""
LAST_WORDS = timedelta(milliseconds=200)
"""How long the end of a process waits for a broker that takes nothing meanwhile."""
LONGEST_END = timedelta(seconds=2)
"""How long it waits at most: for imports, and for a broker that takes one message after another."""


class Publisher:
    """Calls `publish` with the jobs that wait, in a daemon thread that starts with the first.

    publish: may block, but must use short socket timeouts and no retries. What it raises
        stands for all that it was given.
    prepare: called before the first `publish`, for what takes long and needs no broker: imports.

    A fork starts anew: the child has its own thread, its own messages and must make its own
    connections.
    """

    def __init__(
        self, publish: Callable[[Sequence[JobRef]], None], prepare: Callable[[], None] | None = None
    ) -> None:
        self._publish = publish
        self._prepare = prepare or (lambda: None)
        self._away = False
        self._start_anew()
        os.register_at_fork(after_in_child=self._start_anew)
        atexit.register(self.close)

    def _start_anew(self) -> None:
        self._lock = Lock()
        self._progress = Condition()
        self._prepared = False
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
        """Wait for what is unpublished as long as the broker takes it, but not for long."""
        deadline = time.monotonic() + LONGEST_END.total_seconds()
        with self._progress:
            while self._jobs.unfinished_tasks and not self._away:
                left = max(deadline - time.monotonic(), 0)
                silence = LAST_WORDS.total_seconds() if self._prepared else left
                if not self._progress.wait(min(silence, left)):
                    break

    def _work(self) -> None:
        while True:
            jobs = self._take()
            try:
                self._send(jobs)
            except Exception as error:  # whatever the broker's client raises
                self._complain(error)
                for job in jobs:
                    self._keep(job)  # behind the others, should there be something wrong with it
                self._tick_off(jobs)
                time.sleep(PAUSE.total_seconds())
            else:
                if self._away and self._jobs.empty():
                    log.warning("the broker takes messages again")
                    self._away = False
                self._tick_off(jobs)

    def _take(self) -> list[JobRef]:
        """What waits, once something does. After an error one at a time, until all is sent:
        it may be the fault of one message.
        """
        jobs = [self._jobs.get()]
        with suppress(Empty):
            while len(jobs) < BATCH and not self._away:
                jobs.append(self._jobs.get_nowait())
        return jobs

    def _send(self, jobs: Sequence[JobRef]) -> None:
        if not self._prepared:
            self._prepare()
            with self._progress:
                self._prepared = True
                self._progress.notify_all()
        self._publish(jobs)

    def _tick_off(self, jobs: Sequence[JobRef]) -> None:
        with self._progress:
            for _ in jobs:
                self._jobs.task_done()
            self._progress.notify_all()

    def _complain(self, error: Exception) -> None:
        """Once an outage: on a busy server, a line for each message would fill the disk."""
        if not self._away:
            log.error("the broker takes no messages; trying again", error=summary(error))
        self._away = True


def connect_to_redis(**options: Any) -> Redis:
    """A client of the broker of the settings; for the engines whose library makes none."""
    url, timeout = settings.broker_url or "", CONNECT
    return Redis.from_url(url, socket_connect_timeout=timeout, socket_keepalive=True, **options)


class BrokeredEngine:
    """What the engines with a broker share. Each adds `publish`, `ping` and `work`."""

    brokered = True

    def __init__(self) -> None:
        self._publisher = Publisher(self.publish, self.prepare)

    def prepare(self) -> None:
        """Import what `publish` needs, without the broker; called in the publisher's thread."""
        _ = self.queues

    def publish(self, jobs: Sequence[JobRef]) -> None:
        """Send a message for each; called in the publisher's thread."""
        raise NotImplementedError

    @cached_property
    def queues(self) -> list[str]:
        """The queues that workers listen to."""
        return sorted({"default", *(task.queue for task in all_tasks())})

    def queue_of(self, job: JobRef) -> str:
        """The job's queue; "default" for one that no task names, as no worker listens to it."""
        return job.queue if job.queue in self.queues else "default"

    async def start(self) -> None:
        """Nothing to start: jobs run in workers, ticks come from schedulers."""

    async def stop(self) -> None:
        await asyncio.to_thread(self._publisher.close)

    def committed(self, jobs: Sequence[JobRef]) -> None:
        self._publisher.submit([job for job in jobs if job.run_after <= utcnow()])
