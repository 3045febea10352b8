"""Writes the mail log, and reads it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, tuple_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.database import engine, utcnow
from kit.logging import get_logger
from kit.mail.models import MailLog, MailOutcome
from kit.tasks import current_job

log = get_logger(__name__)
_waiting: dict[asyncio.AbstractEventLoop, list[MailLog]] = {}
_writing: set[asyncio.Task[None]] = set()


def record(entry: MailLog) -> None:
    """Keep the entry: in the transaction that settles the job, or else soon and on its own.

    Outside of a job the caller may hold a transaction that writes. On SQLite no other connection
    can write before it ends, so the caller does not wait for the entry.
    """
    if job := current_job():
        entry.job_id = job.id
        job.on_settle(entry)
        return
    loop = asyncio.get_running_loop()
    if loop in _waiting:
        _waiting[loop].append(entry)
        return
    _waiting[loop] = [entry]
    writing = asyncio.create_task(_write(loop))
    _writing.add(writing)
    writing.add_done_callback(_writing.discard)


async def written() -> None:
    """Wait for what `record` has begun: for programs that end after a mail, and for tests."""
    await asyncio.gather(*_writing)


async def list_mail(
    db: AsyncSession,
    *,
    recipient: str | None = None,
    outcome: MailOutcome | None = None,
    before: MailLog | None = None,
    limit: int = 50,
) -> Sequence[MailLog]:
    """The newest entries first. before: only older ones than this, for the next page."""
    newest_first = col(MailLog.at).desc(), col(MailLog.id).desc()
    statement = select(MailLog).order_by(*newest_first).limit(limit)
    if before:
        place = tuple_(col(MailLog.at), col(MailLog.id))
        statement = statement.where(place < (before.at, before.id))
    if recipient:
        statement = statement.where(MailLog.recipient == recipient)
    if outcome:
        statement = statement.where(MailLog.outcome == outcome)
    return (await db.exec(statement)).all()


async def count_outcomes(
    db: AsyncSession, *, since: datetime
) -> list[tuple[str, MailOutcome, int]]:
    """How many tries ended how after `since`, by the e-mail's class."""
    statement = (
        select(MailLog.email, MailLog.outcome, func.count())
        .where(col(MailLog.at) > since)
        .group_by(col(MailLog.email), col(MailLog.outcome))
        .order_by(col(MailLog.email), col(MailLog.outcome))
    )
    found = await db.exec(statement)
    return [(email, MailOutcome(outcome), tries) for email, outcome, tries in found]


async def prune_mail_log(db: AsyncSession, *, older_than: timedelta) -> int:
    """Delete old entries; return how many."""
    statement = (
        delete(MailLog)
        .where(col(MailLog.at) < utcnow() - older_than)
        .execution_options(synchronize_session=False)
    )
    return (await db.exec(statement)).rowcount


async def _write(loop: asyncio.AbstractEventLoop) -> None:
    """Write what waits, and what has come meanwhile, until there is no more."""
    try:
        while entries := _waiting[loop]:
            _waiting[loop] = []
            async with engine.begin() as connection:
                rows = [entry.model_dump() for entry in entries]
                await connection.execute(insert(MailLog), rows)
    except Exception as error:  # the mails themselves are out; `sendtestemail` needs no tables
        log.warning("mail log not written", error=type(error).__name__)
    finally:
        del _waiting[loop]
