"""Housekeeping of the mail log."""

from datetime import timedelta

from app.database import Session
from app.mail.log import prune_mail_log
from app.tasks import periodic, task

KEEP = timedelta(days=30)
"""The log holds addresses: long enough for complaints, and no longer."""


@periodic(cron="27 3 * * *")
@task
async def prune_old_mail_log() -> None:
    """Delete what nobody will ask about any more."""
    async with Session() as session:
        await prune_mail_log(session, older_than=KEEP)
        await session.commit()
