"""Celery, over Redis or RabbitMQ: `celery -A kit.tasks.adapters.celery worker|inspect|beat|flower`.

Each @task is a Celery task of the same name whose one argument is the id of a job: the job
table says what is to be done, and whether somebody did it already. Tasks of your own stand
beside them, as anywhere: `from kit.tasks.adapters.celery import celery_app`.
The settings, and why each is what it is: celeryconfig.py.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from threading import Thread
from typing import Any

from billiard.process import active_children, current_process
from celery import Celery, signals
from celery import Task as CeleryTask
from celery.bin.celery import celery as celery_command
from celery.concurrency.thread import TaskPool as ThreadPool
from kombu import Connection

from kit.logging import configure_logging, get_logger
from kit.settings import settings
from kit.tasks.adapters import celeryconfig as config
from kit.tasks.announcements import JobRef
from kit.tasks.broker import loop
from kit.tasks.broker.publisher import ANSWER, BrokeredEngine
from kit.tasks.definition import all_tasks
from kit.tasks.schedule import Scheduler

log = get_logger(__name__)

UNKNOWN = "kit.tasks.unknown"
"""Stands for tasks that are gone: Celery discards unknown names, but their jobs have to fail."""

celery_app = Celery("app")
celery_app.config_from_object(config)


class Engine(BrokeredEngine):
    def publish(self, jobs: Sequence[JobRef]) -> None:
        if _mine.producer:
            try:
                return self._send(jobs)
            except Exception:  # the broker was restarted, perhaps: once more, newly connected
                _disconnect()
        _register_tasks()
        _mine.producer = celery_app.amqp.Producer(_connection())
        try:
            self._send(jobs)
        except Exception:
            _disconnect()
            raise

    def _send(self, jobs: Sequence[JobRef]) -> None:
        with _mine.producer.batch():
            for job in jobs:
                urgent = config.URGENT if job.priority > 0 else config.NORMAL
                celery_app.send_task(
                    job.task if job.task in celery_app.tasks else UNKNOWN,
                    args=[str(job.id)],
                    task_id=str(job.id),
                    queue=self.queue_of(job),
                    priority=config.PATIENT if job.priority < 0 else urgent,
                    producer=_mine.producer,
                    ignore_result=True,
                )

    def ping(self) -> None:
        with _connection() as connection:
            connection.ensure_connection(max_retries=0)

    def work(self, *, concurrency: int) -> None:
        """In threads: jobs wait for mail servers and databases, so one process runs many on its
        event loop, claims them together, and needs the memory of one. For tasks that compute
        or crash there is Celery's own command with the prefork pool.
        """
        pool = ["--pool=threads", f"--concurrency={concurrency}"]
        quietly = [f"--hostname=worker-{os.getpid()}@%h", "--without-mingle", "--without-gossip"]
        try:  # Celery.worker_main would forget the exit code
            celery_command(["--app", __name__, "--quiet", "worker", *pool, *quietly])
        except SystemExit as end:
            if end.code and _working:
                _begin_anew()
            raise


def _connection() -> Connection:
    """A connection that waits a few seconds for anything, and never tries a second time."""
    patience = {"read_timeout": ANSWER, "write_timeout": ANSWER}
    return celery_app.connection_for_write(transport_options=patience)


class _Mine(threading.local):
    """The publisher thread's own connection, which no other thread, nor a fork, ever sees."""

    producer: Any = None


_mine = _Mine()


def _disconnect() -> None:
    _mine.producer.connection.collect()
    _mine.producer = None


class JobTask(CeleryTask[[str], None]):
    """A @task as Celery sees it. A message that comes twice, or too late, does nothing.

    It is acknowledged when the job begins: from then on the table looks after it. Late
    acknowledgement would add nothing, but leave more for Redis to forget (see _begin_anew).
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


@signals.import_modules.connect
def _register_tasks(**_: Any) -> None:
    """Called when a worker, Flower or a publisher starts: each @task, and each queue of one."""
    tasks, queues = all_tasks(), celery_app.amqp.queues
    for name in {UNKNOWN, *(task.name for task in tasks)} - celery_app.tasks.keys():
        celery_app.register_task(JobTask(name))
    for queue in {task.queue for task in tasks} - queues.keys():
        queues.select_add(queues.new_missing(queue))


@signals.setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    """Celery's lines go where ours go; it leaves the set-up to whoever listens to this."""
    configure_logging()


@signals.celeryd_init.connect
@signals.beat_init.connect
def _require_the_engine(**_: Any) -> None:
    if settings.tasks_engine != "celery":
        raise SystemExit(f"TASKS_ENGINE: is {settings.tasks_engine}; Celery would get no jobs")


@signals.celeryd_init.connect
def _trust_the_table(conf: Any, **_: Any) -> None:
    """Take messages off Redis without leaving a copy there until they are acknowledged.

    Such copies cost a worker more than all else; what a dead one had taken, the sweep announces
    again. Only tasks of your own need them: nobody but Redis knows of their messages.
    """
    tasks = [task for name, task in celery_app.tasks.items() if not name.startswith("celery.")]
    if config.is_redis and all(isinstance(task, JobTask) for task in tasks):
        conf.broker_transport_options["ack_emulation"] = False


@signals.worker_shutting_down.connect
def _stop(**_: Any) -> None:
    """In the main process, at SIGTERM: Celery itself would wait for ever for what runs."""
    global _working
    _working = False
    loop.stop()
    for child in active_children():
        child.terminate()


@signals.worker_shutdown.connect
@signals.worker_process_shutdown.connect
def _wait_for_the_loop(**_: Any) -> None:
    loop.finish()


def _begin_anew() -> None:
    """Replace this process, whose jobs are finished or handed back, by a fresh one.

    Celery 5.7 gives up ("Unrecoverable error: AttributeError … hostname") when Redis goes away
    while messages wait here. Who runs the worker should not need to know.
    """
    log.error("Celery's worker has failed; beginning anew")
    for child in multiprocessing.active_children():  # the scheduler of --with-scheduler
        child.terminate()
        child.join()
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - nobody else's words


_working = False


@signals.worker_ready.connect
def _start_in_the_main_process(sender: Any, **_: Any) -> None:
    global _working
    _working = True
    if isinstance(sender.pool, ThreadPool):
        loop.start()


@signals.worker_process_init.connect
def _start_in_a_process(**_: Any) -> None:
    """In a child of the prefork pool, or for the solo pool, which has no children."""
    loop.start()


class _Child:
    """What a child of the prefork pool knows of its end."""

    leaves = False
    runs_your_task = False


_child = _Child()


@signals.task_prerun.connect
def _prepare_to_leave(task: Any, **_: Any) -> None:
    """In a child of the prefork pool, before each task: billiard puts its own handler (end at
    once) in place after the start.
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
    """A task of your own, which knows nothing of leases, has as long as a job."""
    deadline = time.monotonic() + settings.shutdown_timeout.total_seconds()
    while _child.runs_your_task and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)  # the main thread tells its parent that the job is settled
    os._exit(0)


@signals.beat_init.connect
def _start_scheduler(**_: Any) -> None:
    """`celery beat` keeps Celery's own schedule; beside it runs ours, the same as anywhere."""
    Thread(target=_schedule, name="scheduler", daemon=True).start()


def _schedule() -> None:
    # A signal that this thread or one of its own were given would not wake beat, which sleeps
    # for minutes in the main one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        asyncio.run(Scheduler().run())
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
