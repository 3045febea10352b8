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
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from queue import Empty, Full, Queue
from threading import Lock, Thread
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
"""Messages that are sent together, if as many wait: one round trip for all of them."""
PAUSE = timedelta(seconds=1)
"""Between two tries while the broker is away."""
LAST_WORDS = timedelta(milliseconds=100)
"""How long the end of a process is put off for what is still unpublished, while the broker is
silent. The publisher's own work does not count: a script's first message needs many imports.
"""
LONGEST_END = timedelta(seconds=2)
"""How long it is put off at most."""


class Publisher:
    """Calls `publish` with the jobs that wait, in a daemon thread that starts with the first.

    `publish` may block, but must use short socket timeouts and no retries. What it raises
    stands for all that it was given. A fork starts anew: the child has its own thread, its
    own messages and must make its own connections.
    """

    def __init__(self, publish: Callable[[Sequence[JobRef]], None]) -> None:
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
        begun = silent_since = time.monotonic()
        worked = self._worked()
        while self._jobs.unfinished_tasks and not self._away:
            time.sleep(0.001)
            now = time.monotonic()
            if worked != (worked := self._worked()):
                silent_since = now
            if now - silent_since > LAST_WORDS.total_seconds():
                break
            if now - begun > LONGEST_END.total_seconds():
                break

    def _worked(self) -> float:
        """CPU time of the publisher's thread, in seconds; 0 where the system does not tell."""
        thread = self._thread
        if hasattr(time, "pthread_getcpuclockid") and thread and thread.is_alive() and thread.ident:
            return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        return 0

    def _work(self) -> None:
        while True:
            jobs = self._take()
            try:
                self._publish(jobs)
            except Exception as error:  # whatever the broker's client raises
                self._complain(error)
                for job in jobs:
                    self._keep(job)  # behind the others, should there be something wrong with it
                time.sleep(PAUSE.total_seconds())
            else:
                if self._away and self._jobs.empty():
                    log.warning("the broker takes messages again")
                    self._away = False
            for _ in jobs:
                self._jobs.task_done()

    def _take(self) -> list[JobRef]:
        """What waits, once something does. After an error one at a time, until all is sent:
        it may be the fault of one message.
        """
        jobs = [self._jobs.get()]
        with suppress(Empty):
            while len(jobs) < BATCH and not self._away:
                jobs.append(self._jobs.get_nowait())
        return jobs

    def _complain(self, error: Exception) -> None:
        """Once an outage: a busy server would fill the disk with it."""
        if not self._away:
            log.error("the broker takes no messages; trying again", error=summary(error))
        self._away = True


def connect_to_redis(**options: Any) -> Redis:
    """A client of the broker of the settings; for the engines whose library makes none."""
    url, timeout = settings.broker_url or "", CONNECT
    return Redis.from_url(url, socket_connect_timeout=timeout, socket_keepalive=True, **options)


class BrokeredEngine:
    """What the engines with a broker have in common; they publish, answer `ping` and work."""

    brokered = True

    def __init__(self) -> None:
        self._publisher = Publisher(self.publish)

    def publish(self, jobs: Sequence[JobRef]) -> None:
        """Send a message for each; called in the publisher's thread."""
        raise NotImplementedError

    @cached_property
    def queues(self) -> list[str]:
        """Those that workers listen to."""
        return sorted({"default", *(task.queue for task in all_tasks())})

    def queue_of(self, job: JobRef) -> str:
        """Where a worker will find it: nobody listens to a queue that no task names."""
        return job.queue if job.queue in self.queues else "default"

    async def start(self) -> None:
        """Nothing to start: jobs run in workers, ticks come from schedulers."""

    async def stop(self) -> None:
        await asyncio.to_thread(self._publisher.close)

    def committed(self, jobs: Sequence[JobRef]) -> None:
        self._publisher.submit([job for job in jobs if job.run_after <= utcnow()])
