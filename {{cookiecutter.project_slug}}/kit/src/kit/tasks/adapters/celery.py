"""Celery, over Redis or RabbitMQ: `celery -A app worker|beat|inspect|flower`, or `manage worker`.

Each @task is a Celery task of the same name whose one argument is the id of a job. The job table
says what has to be done, and whether it is done already. Celery tasks of your own stand beside
them, as in any project. The settings, and why each is what it is: celeryconfig.py.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

from celery import Celery, signals
from celery.bin.celery import celery as celery_command
from kombu import Connection

from kit import discovery
from kit.logging import configure_logging
from kit.settings import settings
from kit.tasks.adapters import celery_worker
from kit.tasks.adapters import celeryconfig as config
from kit.tasks.adapters.celery_worker import JobTask
from kit.tasks.announcements import JobRef
from kit.tasks.broker.publisher import ANSWER, BrokeredEngine
from kit.tasks.definition import all_tasks

UNKNOWN = "kit.tasks.unknown"
"""Stands for tasks that are gone. Celery discards unknown names, but their jobs have to fail."""

celery_app = Celery("app")
celery_app.config_from_object(config)


class Engine(BrokeredEngine):
    def __init__(self) -> None:
        super().__init__()
        _read_own_configuration()

    def prepare(self) -> None:
        super().prepare()
        _register_tasks()
        _connection().get_transport_cls()

    def publish(self, jobs: Sequence[JobRef]) -> None:
        if _mine.producer:
            try:
                return self._send(jobs)
            except Exception:  # perhaps the broker was restarted: try once more, newly connected
                _disconnect()
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
        """Work in threads. Jobs wait for mail servers and databases, so one process runs many on
        its event loop, claims them together, and needs the memory of one process. For tasks that
        compute or crash, use Celery's own command with the prefork pool.
        """
        pool = ["--pool=threads", f"--concurrency={concurrency}"]
        quietly = [f"--hostname=worker-{os.getpid()}@%h", "--without-mingle", "--without-gossip"]
        try:  # Celery.worker_main would forget the exit code
            celery_command(["--app", __name__, "--quiet", "worker", *pool, *quietly])
        except SystemExit as end:
            if end.code and celery_worker.is_working():
                celery_worker.begin_anew()
            raise


def _connection() -> Connection:
    """A connection that waits a few seconds for anything, and never tries a second time."""
    patience = {"read_timeout": ANSWER, "write_timeout": ANSWER}
    return celery_app.connection_for_write(transport_options=patience)


class _Mine(threading.local):
    """The connection of the publisher's thread, which no other thread and no fork may use."""

    producer: Any = None


_mine = _Mine()


def _disconnect() -> None:
    _mine.producer.connection.collect()
    _mine.producer = None


def _read_own_configuration() -> None:
    """Import `app/celery.py`, if the project has one: what it sets counts in every process.

    Raises BrokenModule.
    """
    discovery.optional_module("celery")


@signals.import_modules.connect
def _register_tasks(**_: Any) -> None:
    """Register each @task, and each queue of one, when a worker, Flower or a publisher starts."""
    _read_own_configuration()
    tasks, queues = all_tasks(), celery_app.amqp.queues
    for name in {UNKNOWN, *(task.name for task in tasks)} - celery_app.tasks.keys():
        celery_app.register_task(JobTask(name))
    for queue in {task.queue for task in tasks} - queues.keys():
        queues.select_add(queues.new_missing(queue))


@signals.setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    """Write Celery's log lines where ours go: it sets up no logs if this signal has a receiver."""
    configure_logging()


@signals.celeryd_init.connect
@signals.beat_init.connect
def _require_the_engine(**_: Any) -> None:
    if settings.tasks_engine != "celery":
        raise SystemExit(f"TASKS_ENGINE: is {settings.tasks_engine}; Celery would get no jobs")


@signals.celeryd_init.connect
def _trust_the_table(conf: Any, **_: Any) -> None:
    """Take messages off Redis without leaving a copy there until they are acknowledged.

    Such copies cost a worker more than all else, and the sweep announces again what a dead worker
    had taken. Only Celery tasks of your own need them: no table holds their messages.
    """
    tasks = [task for name, task in celery_app.tasks.items() if not name.startswith("celery.")]
    if config.is_redis and all(isinstance(task, JobTask) for task in tasks):
        conf.broker_transport_options["ack_emulation"] = False
