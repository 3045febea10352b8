"""Housekeeping of the job table itself."""

from datetime import timedelta

from app.database import Session
from app.tasks.models import JobStatus
from app.tasks.schedule import periodic
from app.tasks.service import prune_jobs
from app.tasks.task import task

KEEP_SUCCESSFUL = timedelta(days=7)
"""Long enough to look into last week's complaint."""
KEEP_FAILED = timedelta(days=30)
"""Somebody has to look at them first; after a month nobody will."""


@periodic(cron="17 3 * * *")
@task
async def prune_finished_jobs() -> None:
    """Delete jobs that nobody will ask about any more."""
    async with Session() as session:
        await prune_jobs(session, older_than=KEEP_SUCCESSFUL, statuses=[JobStatus.SUCCESSFUL])
        await prune_jobs(session, older_than=KEEP_FAILED, statuses=[JobStatus.FAILED])
        await session.commit()
