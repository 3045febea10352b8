"""The life of Celery's processes: how they run jobs, and how they begin and end.

celery.py imports this, and so connects Celery's signals.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from threading import Thread
from typing import Any

from billiard.process import active_children, current_process
from celery import Task, signals
from celery.concurrency.thread import TaskPool as ThreadPool

from kit.logging import get_logger
from kit.settings import settings
from kit.tasks.broker import loop
from kit.tasks.schedule import Scheduler

log = get_logger(__name__)


class JobTask(Task[[str], None]):
    """A @task as Celery sees it. A message that comes twice, or too late, does nothing.

    It is acknowledged when the job begins, because from then on the table looks after the job.
    Late acknowledgement would add nothing: the sweep announces the job of a dead worker again.
    """

    acks_late = False
    ignore_result = True
    max_retries = None

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, job_id: str) -> None:
        try:
            loop.run_job(job_id)
        except loop.Stopping:  # for another worker
            raise self.retry(countdown=0) from None


class _Main:
    """What the main process of a worker is doing."""

    is_working = False


_main = _Main()


@signals.worker_shutting_down.connect
def _stop(**_: Any) -> None:
    """In the main process, at SIGTERM: Celery itself would wait for running jobs without end."""
    _main.is_working = False
    loop.stop()
    for child in active_children():
        child.terminate()


@signals.worker_shutdown.connect
@signals.worker_process_shutdown.connect
def _wait_for_the_loop(**_: Any) -> None:
    loop.finish()


def is_working() -> bool:
    """Whether this is the main process of a worker that has started and was not told to stop."""
    return _main.is_working


def begin_anew() -> None:
    """Replace this process, whose jobs are finished or handed back, by a fresh one.

    Celery 5.7 gives up ("Unrecoverable error: AttributeError … hostname") when Redis goes away
    while messages wait here. That must not end the worker.
    """
    log.error("Celery's worker has failed; beginning anew")
    for child in multiprocessing.active_children():  # the scheduler of --with-scheduler
        child.terminate()
        child.join()
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - its own command line


@signals.worker_ready.connect
def _start_in_the_main_process(sender: Any, **_: Any) -> None:
    _main.is_working = True
    if isinstance(sender.pool, ThreadPool):
        loop.start()


@signals.worker_process_init.connect
def _start_in_a_process(**_: Any) -> None:
    """In a child of the prefork pool, or for the solo pool, which has no children."""
    loop.start()


class _Child:
    """How far a child of the prefork pool is with its end."""

    leaves = False
    runs_your_task = False


_child = _Child()


@signals.task_prerun.connect
def _prepare_to_leave(task: Any, **_: Any) -> None:
    """Handle SIGTERM in a child of the prefork pool. Before each task, because billiard installs
    its own handler, which ends at once, after the start.
    """
    _child.runs_your_task = not isinstance(task, JobTask)
    if current_process().name != "MainProcess" and not _child.leaves:
        signal.signal(signal.SIGTERM, _leave)


@signals.task_postrun.connect
def _is_idle(**_: Any) -> None:
    _child.runs_your_task = False


def _leave(*_: object) -> None:
    """At SIGTERM in a child of the prefork pool: finish or hand back, tell the parent, then end.

    A second one, as when the signal goes to the whole group, changes nothing.
    """
    _child.leaves = True
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    loop.stop(at_end=_end)


def _end() -> None:
    """Give a Celery task of your own, which has no lease, as long as a job has."""
    deadline = time.monotonic() + settings.shutdown_timeout.total_seconds()
    while _child.runs_your_task and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)  # the main thread tells its parent that the job is settled
    os._exit(0)


@signals.beat_init.connect
def _start_scheduler(**_: Any) -> None:
    """Run our scheduler beside `celery beat`, which keeps Celery's own schedule."""
    Thread(target=_schedule, name="scheduler", daemon=True).start()


def _schedule() -> None:
    # A signal that is delivered to this thread, or to one that it starts, would not wake beat,
    # which sleeps for minutes in the main thread.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        asyncio.run(Scheduler().run())
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
