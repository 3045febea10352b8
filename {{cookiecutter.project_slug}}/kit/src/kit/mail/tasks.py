"""Housekeeping of the mail log."""

from datetime import timedelta

from kit.database import Session
from kit.mail.log import prune_mail_log
from kit.tasks import periodic, task

KEEP = timedelta(days=30)
"""The log holds addresses: long enough for complaints, and no longer."""


@periodic(cron="27 3 * * *")
@task
async def prune_old_mail_log() -> None:
    """Delete entries that are older than KEEP."""
    async with Session() as db:
        await prune_mail_log(db, older_than=KEEP)
        await db.commit()
