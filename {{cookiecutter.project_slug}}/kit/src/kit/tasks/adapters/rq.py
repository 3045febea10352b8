"""RQ, over Redis: `manage worker`, or RQ's own commands: `rq info`, and

    rq worker --worker-class kit.tasks.adapters.rq.Worker --url redis://… default mail

A message is an RQ job that carries the id of a job of ours. The worker that takes it deletes it,
because the job table holds the state, which RQ's results and registries would only repeat.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Semaphore
from typing import Any

from redis import RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import DequeueStrategy

from kit.logging import get_logger
from kit.settings import settings
from kit.tasks.announcements import JobRef
from kit.tasks.broker import loop
from kit.tasks.broker.publisher import ANSWER, BrokeredEngine, connect_to_redis

log = get_logger(__name__)

RUN = "kit.tasks.broker.loop.run_job"
"""What a message calls. RQ's own workers, which fork for each message, can run it as well."""


class Worker(SimpleWorker):
    """Takes a message whenever a slot is free. Its jobs run together on one event loop."""

    def __init__(self, *args: Any, slots: int = settings.tasks_concurrency, **options: Any) -> None:
        # A dead worker is listed for 30 s; a Redis that is silent for 25 s counts as away.
        options |= {"serializer": JSONSerializer, "worker_ttl": 30}
        super().__init__(*args, **options)
        self._slots = Semaphore(slots)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Start the job, and return as soon as there is a slot for another."""
        if job.func_name != RUN:
            super().execute_job(job, queue)
            return
        self._slots.acquire()
        loop.begin_job(*job.args).add_done_callback(lambda _: self._slots.release())
        with self.connection.pipeline() as pipeline:
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            pipeline.delete(job.key)
            pipeline.execute()
        self._slots.acquire()  # taken before the message, so that none waits here for a slot
        self._slots.release()

    def handle_warm_shutdown_request(self) -> None:
        """At SIGTERM, take nothing more, and finish what runs or hand it back."""
        loop.stop()


class Engine(BrokeredEngine):
    def __init__(self) -> None:
        super().__init__()
        # One more try, at once: Redis may have closed a connection that was long idle.
        self._redis = connect_to_redis(socket_timeout=ANSWER, retry=Retry(NoBackoff(), 1))

    def publish(self, jobs: Sequence[JobRef]) -> None:
        with self._redis.pipeline() as pipeline:
            for job in jobs:
                id_, urgent = str(job.id), job.priority > 0
                message: dict[str, Any] = {"job_id": id_, "description": job.task, "args": [id_]}
                message |= {"at_front": urgent, "timeout": -1, "result_ttl": 0}
                queue = Queue(self.queue_of(job), connection=self._redis, serializer=JSONSerializer)
                queue.enqueue_call(RUN, **message, pipeline=pipeline)
            pipeline.execute()

    def ping(self) -> None:
        self._redis.ping()

    def work(self, *, concurrency: int) -> None:
        """Work until SIGTERM. RQ's worker ends when Redis goes away; then start another one."""
        jobs = loop.start()
        with suppress(StopRequested):  # SIGTERM between the one and the next
            while not jobs.stopping:
                try:
                    worker = Worker(self.queues, connection=connect_to_redis(), slots=concurrency)
                    worker.work(logging_level=None, dequeue_strategy=DequeueStrategy.ROUND_ROBIN)
                except RedisError as error:
                    log.error("no answer from Redis; trying again", error=type(error).__name__)
                    time.sleep(1)
