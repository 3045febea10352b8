"""A Celery app as a project makes it: `celery -A tests.services.celery_app worker`."""

from datetime import timedelta

import tests.services.jobs
import tests.tasks.jobs  # noqa: F401
from app.tasks import periodic, task
from app.tasks.engines.celery import celery_app
from app.tasks.schedule import run_scheduler
from tests.tasks.jobs import write


@celery_app.task
def plain(path: str) -> None:
    """A task of Celery's own: no job, no table, no promise."""
    write(path, "plain")


@periodic(every=timedelta(seconds=1))
@task
async def tick() -> None: ...


if __name__ == "__main__":
    run_scheduler()
