"""Dramatiq, over Redis or RabbitMQ: `manage worker`, or `dramatiq kit.tasks.adapters.dramatiq`.

Each @task is an actor of the same name, whose one argument is the id of a job. The job table
says what has to be done, and whether it is done already, so that every engine keeps the same
promises about retries, leases and duplicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import dramatiq
from dramatiq import Actor, Broker, Worker
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Middleware

from kit.settings import settings
from kit.tasks import engines
from kit.tasks.announcements import JobRef
from kit.tasks.broker import loop
from kit.tasks.broker.publisher import ANSWER, CONNECT, BrokeredEngine, connect_to_redis
from kit.tasks.definition import all_tasks


class JobsMiddleware(Middleware):
    """Starts and stops the event loop of the jobs with the worker of the process."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        loop.start()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        loop.stop()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        loop.finish()


def _make_broker(url: str) -> Broker:
    if url.startswith("redis"):
        client = connect_to_redis(socket_timeout=ANSWER)
        return RedisBroker(client=client)  # type: ignore[no-untyped-call]
    parts = urlsplit(url)
    vhost = "/%2F" if parts.path == "//" else parts.path  # `//` is how Celery writes it
    limits = {"socket_timeout": CONNECT, "stack_timeout": ANSWER, "heartbeat": 30}
    query = "&".join(filter(None, [parts.query, urlencode(limits)]))
    url = parts._replace(path=vhost, query=query).geturl()
    # Without confirmations, what is published while the connection breaks would be lost.
    return RabbitmqBroker(url=url, confirm_delivery=True, max_priority=2)


def _make_actor(name: str, queue: str, priority: int = 0) -> Actor[[str], None]:
    def run(job_id: str) -> None:
        try:
            loop.run_job(job_id)
        except loop.Stopping:  # for another worker
            broker.get_actor(name).send(job_id)

    # The job table decides on retries, and the task's own timeout ends an attempt.
    limits: dict[str, Any] = {"max_retries": 0, "time_limit": float("inf")}
    make = dramatiq.actor(actor_name=name, queue_name=queue, priority=-priority, **limits)
    return make(run)


broker = _make_broker(settings.broker_url or "")
broker.add_middleware(JobsMiddleware())
dramatiq.set_broker(broker)
unknown = _make_actor("unknown task", "default")
for task in all_tasks():
    _make_actor(task.name, task.queue, task.priority)


class Engine(BrokeredEngine):
    def publish(self, jobs: Sequence[JobRef]) -> None:
        for job in jobs:
            actor = broker.actors.get(job.task, unknown)
            urgency = 1 + (job.priority > 0) - (job.priority < 0)
            message = actor.message_with_options(args=(str(job.id),), broker_priority=urgency)
            broker.enqueue(message.copy(queue_name=self.queue_of(job)))

    def ping(self) -> None:
        if isinstance(broker, RabbitmqBroker):
            try:
                broker.connection.process_data_events()
            finally:  # each thread has its own, and nothing would keep this one alive or close it
                del broker.connection
        elif isinstance(broker, RedisBroker):
            broker.client.ping()

    def work(self, *, concurrency: int) -> None:
        worker = Worker(broker, worker_threads=concurrency, worker_timeout=100)
        worker.start()
        engines.wait_for_sigterm()
        worker.stop()
