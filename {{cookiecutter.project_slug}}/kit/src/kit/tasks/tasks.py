"""Housekeeping of the job table itself."""

from datetime import timedelta

from kit.database import Session
from kit.tasks.definition import task
from kit.tasks.models import JobStatus
from kit.tasks.schedule import periodic
from kit.tasks.service import prune_jobs

KEEP_SUCCESSFUL = timedelta(days=7)
"""Long enough to look into a complaint about last week."""
KEEP_FAILED = timedelta(days=30)
"""Longer, because someone should look at them first."""


@periodic(cron="17 3 * * *")
@task
async def prune_finished_jobs() -> None:
    """Delete jobs that finished long ago."""
    async with Session() as db:
        await prune_jobs(db, older_than=KEEP_SUCCESSFUL, statuses=[JobStatus.SUCCESSFUL])
        await prune_jobs(db, older_than=KEEP_FAILED, statuses=[JobStatus.FAILED])
        await db.commit()
