"""A Celery app as a project makes it: `celery -A inside.services.celery_app worker`."""

import asyncio
import sys
import time
from datetime import timedelta

from kit.tasks import periodic, task
from kit.tasks.adapters.celery import celery_app
from kit.tasks.schedule import run_scheduler

import inside.services.jobs
import inside.tasks.jobs  # noqa: F401
from inside.tasks.jobs import write


@celery_app.task
def plain(path: str) -> None:
    """A task of Celery's own: no job, no table, no promise."""
    write(path, "plain")


@celery_app.task
def plain_and_slow(path: str) -> None:
    write(path, "begun")
    time.sleep(2)
    write(path, "finished")


@task(max_attempts=1)
async def ending_the_loop() -> None:
    """As asyncio has it: SystemExit in another task than the one that runs ends the loop."""

    async def leave() -> None:
        sys.exit(4)

    await asyncio.gather(leave(), asyncio.sleep(60))


@periodic(every=timedelta(seconds=1))
@task
async def tick() -> None: ...


if __name__ == "__main__":
    run_scheduler()
