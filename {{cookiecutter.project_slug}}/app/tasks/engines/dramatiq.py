"""Dramatiq, over Redis or RabbitMQ: `manage worker`, or `dramatiq app.tasks.engines.dramatiq`.

Each @task is an actor of the same name, whose one argument is the id of a job: the job table
says what is to be done, and whether it is done already. Why it is done so: docs/decisions/0014.
"""

from __future__ import annotations

import signal
from threading import Event
from urllib.parse import urlencode, urlsplit

import dramatiq
from dramatiq import Actor, Broker, Worker
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Middleware, default_middleware
from redis import Redis

from app.settings import settings
from app.tasks import loop
from app.tasks.commits import JobRef
from app.tasks.publisher import BrokeredEngine
from app.tasks.task import all_tasks

CONNECT, ANSWER = 1, 5
"""Seconds that a broker has to accept a connection, and to answer."""


class JobsMiddleware(Middleware):
    """The event loop of the jobs lives as long as the worker of the process."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        loop.start()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        loop.stop()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        loop.join()


def _make_broker(url: str) -> Broker:
    middleware = [*(each() for each in default_middleware), JobsMiddleware()]
    if url.startswith("redis"):
        client = Redis.from_url(url, socket_connect_timeout=CONNECT, socket_timeout=ANSWER)
        return RedisBroker(client=client, middleware=middleware)  # type: ignore[no-untyped-call]
    parts = urlsplit(url)
    vhost = "/%2F" if parts.path == "//" else parts.path  # the one is Celery's way to write it
    limits = {"socket_timeout": CONNECT, "stack_timeout": ANSWER, "heartbeat": 30}
    query = "&".join(filter(None, [parts.query, urlencode(limits)]))
    # Without confirmations, what is published while the connection breaks would be lost.
    return RabbitmqBroker(
        url=parts._replace(path=vhost, query=query).geturl(),
        confirm_delivery=True,
        max_priority=2,
        middleware=middleware,
    )


def _make_actor(name: str, queue: str, priority: int = 0) -> Actor[[str], None]:
    def run(job_id: str) -> None:
        try:
            loop.run_job(job_id)
        except loop.Stopping:  # for another worker
            broker.get_actor(name).send(job_id)

    return dramatiq.actor(
        actor_name=name,
        queue_name=queue,
        priority=-priority,
        broker=broker,
        max_retries=0,  # what fails is tried again by the table's rules
        time_limit=float("inf"),
    )(run)


broker = _make_broker(settings.broker_url or "")
dramatiq.set_broker(broker)
unknown = _make_actor("unknown task", "default")
for task in all_tasks():
    _make_actor(task.name, task.queue, task.priority)


class Engine(BrokeredEngine):
    def __init__(self) -> None:
        super().__init__(_publish)

    def ping(self) -> None:
        if isinstance(broker, RabbitmqBroker):
            try:
                broker.connection.process_data_events()
            finally:  # each thread has its own, which nobody would keep alive or close
                del broker.connection
        elif isinstance(broker, RedisBroker):
            broker.client.ping()

    def work(self, *, concurrency: int) -> None:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        worker = Worker(broker, worker_threads=concurrency, worker_timeout=100)
        worker.start()
        stop.wait()
        worker.stop()


def _publish(job: JobRef) -> None:
    actor = broker.actors.get(job.task, unknown)
    queue = job.queue if job.queue in broker.get_declared_queues() else "default"
    urgency = 1 + (job.priority > 0) - (job.priority < 0)
    message = actor.message_with_options(args=(str(job.id),), broker_priority=urgency)
    broker.enqueue(message.copy(queue_name=queue))
