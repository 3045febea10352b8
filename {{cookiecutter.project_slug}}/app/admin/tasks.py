"""The daily digest of failed jobs."""

from datetime import datetime, timedelta
from uuid import UUID

from app.accounts.models import User
from app.accounts.tasks import AccountGone
from app.admin import service
from app.admin.emails import FailedJobsDigestEmail
from app.database import Session, utcnow
from app.mail import send
from app.tasks import periodic, task

A_DAY = timedelta(days=1)


@periodic(cron="0 6 * * *")
@task
async def send_failed_jobs_digests() -> None:
    """Write to each administrator if a job failed since yesterday, each in a job of its own."""
    until = utcnow()
    since = until - A_DAY
    async with Session() as session:
        if not await service.failures(session, since=since, until=until):
            return
        for admin in await service.administrators(session):
            await send_failed_jobs_digest.enqueue(
                session, admin_id=admin.id, since=since, until=until
            )
        await session.commit()


@task(queue="mail", max_attempts=20)  # ten hours; the next digest is not far then
async def send_failed_jobs_digest(admin_id: UUID, since: datetime, until: datetime) -> None:
    """Tell one administrator what failed in that time and has not been retried meanwhile."""
    async with Session() as session:
        admin = await session.get(User, admin_id)
        if admin is None or not (admin.is_active and admin.is_superuser):
            raise AccountGone("no longer an administrator")
        failures = await service.failures(session, since=since, until=until)
    if failures:
        number = sum(failure.jobs for failure in failures)
        jobs = "1 job" if number == 1 else f"{number:,} jobs"
        await send(FailedJobsDigestEmail(to=admin.email, jobs=jobs, tasks=failures))
