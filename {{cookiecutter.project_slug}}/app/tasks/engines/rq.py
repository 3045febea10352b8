"""RQ, over Redis: `manage worker`, or RQ's own commands: `rq info`, and

    rq worker --worker-class app.tasks.engines.rq.Worker --url redis://… default mail

A message is an RQ job that carries the id of a job of ours. Whoever takes it deletes it, since
the job table knows the rest: docs/decisions/0014.
"""

from __future__ import annotations

import atexit
import time
from contextlib import suppress
from threading import Semaphore, Thread
from typing import Any, ClassVar

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import DequeueStrategy

from app.logging import get_logger
from app.settings import settings
from app.tasks import loop
from app.tasks.commits import JobRef
from app.tasks.publisher import BrokeredEngine
from app.tasks.task import all_tasks

log = get_logger(__name__)

RUN = "app.tasks.loop.run_job"
"""What a message calls; so RQ's own workers, which fork for each, can run it as well."""
WORKER_TTL = 30
"""Seconds that a dead worker is shown; a Redis that is silent for 25 counts as away."""


class Worker(SimpleWorker):
    """Takes a message whenever it has a slot free; its jobs run together on one event loop."""

    concurrency: ClassVar[int] = settings.tasks_concurrency

    def __init__(self, *args: Any, **options: Any) -> None:  # as RQ's command passes them
        options |= {"serializer": JSONSerializer, "worker_ttl": WORKER_TTL}
        super().__init__(*args, **options)
        self._slots = Semaphore(self.concurrency)
        self.stopped = False

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Start the job, and return as soon as there is a slot for another."""
        if job.func_name != RUN:
            super().execute_job(job, queue)
            return
        self._slots.acquire()
        Thread(target=self._run, args=job.args, daemon=True).start()
        with self.connection.pipeline() as pipeline:
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            pipeline.delete(job.key)
            pipeline.execute()
        self._slots.acquire()  # taken before the message, so that none waits here for a slot
        self._slots.release()

    def _run(self, job_id: str) -> None:
        try:
            with suppress(loop.Stopping):
                loop.run_job(job_id)
        finally:
            self._slots.release()

    def handle_warm_shutdown_request(self) -> None:
        """SIGTERM: take nothing more; finish what runs, or hand it back."""
        self.stopped = True
        loop.stop()


class Engine(BrokeredEngine):
    def __init__(self) -> None:
        # One more try, at once: Redis may have closed a connection that was long idle.
        self._redis = _connect(socket_timeout=1, retry=Retry(NoBackoff(), 1))
        self._queues = {
            name: Queue(name, connection=self._redis, serializer=JSONSerializer)
            for name in ("default", *(task.queue for task in all_tasks()))
        }
        super().__init__(self._publish)

    def ping(self) -> None:
        self._redis.ping()

    def work(self, *, concurrency: int) -> None:
        """RQ's worker ends when Redis goes away; this starts another one, until SIGTERM."""
        Worker.concurrency = concurrency
        loop.start()
        worker = None
        with suppress(StopRequested):  # SIGTERM between the one and the next
            while not (worker and worker.stopped):
                try:
                    worker = Worker([*self._queues], connection=_connect())
                    worker.work(logging_level=None, dequeue_strategy=DequeueStrategy.ROUND_ROBIN)
                except RedisError as error:
                    log.error("no answer from Redis; trying again", error=type(error).__name__)
                    time.sleep(1)

    def _publish(self, job: JobRef) -> None:
        queue = self._queues.get(job.queue, self._queues["default"])  # nobody listens to others
        queue.enqueue_call(
            RUN,
            [str(job.id)],
            job_id=str(job.id),
            description=job.task,
            timeout=-1,
            result_ttl=0,
            at_front=job.priority > 0,
        )


def _connect(**options: Any) -> Redis:
    url = settings.broker_url or ""
    return Redis.from_url(url, socket_connect_timeout=1, socket_keepalive=True, **options)


@atexit.register
def _finish() -> None:
    """Whoever ran the worker, RQ's own command too: what it has begun is finished first."""
    loop.stop()
    loop.join()
