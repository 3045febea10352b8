"""The daily digest of failed jobs."""

from datetime import datetime, timedelta
from uuid import UUID

from kit.admin import FailedJobsDigestEmail, failures
from kit.database import Session, utcnow
from kit.mail import send
from kit.tasks import periodic, task
from sqlmodel import col, select

from app.accounts.models import User
from app.accounts.tasks import AccountGone

A_DAY = timedelta(days=1)
IS_ADMINISTRATOR = col(User.is_superuser), col(User.is_active)


@periodic(cron="0 6 * * *")
@task
async def send_failed_jobs_digests() -> None:
    """Write to each administrator if a job failed since yesterday, each in a job of its own."""
    until = utcnow()
    since = until - A_DAY
    async with Session() as db:
        if not await failures(db, since=since, until=until):
            return
        for admin in await db.exec(select(User).where(*IS_ADMINISTRATOR)):
            await send_failed_jobs_digest.enqueue(db, admin_id=admin.id, since=since, until=until)
        await db.commit()


@task(queue="mail", max_attempts=20)  # ten hours; the next digest is not far then
async def send_failed_jobs_digest(admin_id: UUID, since: datetime, until: datetime) -> None:
    """Tell one administrator what failed in that time and has not been retried meanwhile."""
    async with Session() as db:
        admin = await db.get(User, admin_id)
        if admin is None or not (admin.is_active and admin.is_superuser):
            raise AccountGone("no longer an administrator")
        found = await failures(db, since=since, until=until)
    if found:
        number = sum(failure.jobs for failure in found)
        jobs = "1 job" if number == 1 else f"{number:,} jobs"
        await send(FailedJobsDigestEmail(to=admin.email, jobs=jobs, tasks=found))
