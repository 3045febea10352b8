"""What an operator can do with jobs. Nothing here commits but `prune_jobs`: the caller does."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Text,
    case,
    cast,
    delete,
    literal_column,
    or_,
    update,
)
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.database import utcnow
from kit.errors import AppError
from kit.tasks import clock, commits
from kit.tasks.models import CANCELLED, Job, JobStatus

PRUNE_BATCH = 2000


class JobNotFound(AppError):
    status: ClassVar[int] = 404
    title: ClassVar[str] = "No such job"


class JobInWrongState(AppError):
    status: ClassVar[int] = 409
    title: ClassVar[str] = "The job is in another state"


async def list_jobs(
    db: AsyncSession,
    *,
    status: JobStatus | None = None,
    task: str | None = None,
    queue: str | None = None,
    text: str | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[Job]:
    """The newest jobs first; `task` matches the end of the name.

    text: the id, or something in the arguments, the error or the request id, in any case.
    before: only older ones than the job of this id, for the next page.
    """
    statement = select(Job).order_by(col(Job.id).desc()).limit(limit)
    if status:
        # Written into the SQL: with a parameter the index of failed jobs would not be used.
        statement = statement.where(col(Job.status) == literal_column(f"'{JobStatus(status)}'"))
    if task:
        statement = statement.where(col(Job.task).endswith(task, autoescape=True))
    if queue:
        statement = statement.where(Job.queue == queue)
    if text:
        statement = statement.where(or_(*_places_of(text)))
    if before:
        statement = statement.where(col(Job.id) < before)
    return (await db.exec(statement)).all()


def _places_of(text: str) -> Iterator[ColumnElement[bool]]:
    """Where a searched text may be. Arguments are stored as JSON, which escapes some letters."""
    with suppress(ValueError):
        yield col(Job.id) == UUID(text)
    arguments = cast(col(Job.arguments), Text)
    yield arguments.icontains(json.dumps(text)[1:-1], autoescape=True)
    yield col(Job.error).icontains(text, autoescape=True)
    yield col(Job.request_id) == text


async def get_job(db: AsyncSession, job_id: UUID) -> Job:
    """The job of this id; raises JobNotFound."""
    job = await db.get(Job, job_id)
    if job is None:
        raise JobNotFound(f"There is no job {job_id}.")
    return job


async def job_result(db: AsyncSession, job_id: UUID) -> Any:
    """What a successful job returned, as JSON carries it.

    Raises JobNotFound, and JobInWrongState for a job that has not succeeded (yet).
    """
    job = await get_job(db, job_id)
    if job.status != JobStatus.SUCCESSFUL:
        raise JobInWrongState(f"The job is {job.status} and has no result.")
    return job.result


async def retry_job(db: AsyncSession, job_id: UUID) -> Job:
    """Make a failed job ready now, with all its attempts; also one that waits for its backoff.

    One that was cancelled while it ran waits for the end of its lease: until then its worker
    may not have stopped it.

    Raises JobNotFound, and JobInWrongState for one that runs or has succeeded.
    """
    job = await get_job(db, job_id)
    again = await _ready_again(db)
    await _change(db, job, (JobStatus.FAILED, JobStatus.READY), again, "retried")
    commits.announce(db.sync_session, job)
    return job


async def retry_jobs(
    db: AsyncSession,
    *,
    waiting: bool = False,
    task: str | None = None,
    queue: str | None = None,
) -> int:
    """Retry all failed jobs, or all that wait for another attempt; return how many.

    task: only of this one; the end of its name will do. queue: only of this one.
    """
    failed = col(Job.status) == literal_column(f"'{JobStatus.FAILED}'")  # as its index says it
    late = col(Job.status) == JobStatus.READY, col(Job.attempts) > 0, col(Job.run_after) > utcnow()
    which = [*late] if waiting else [failed]
    if task:
        which.append(col(Job.task).endswith(task, autoescape=True))
    if queue:
        which.append(col(Job.queue) == queue)
    statement = update(Job).where(*which).values(**await _ready_again(db))
    unheard = statement.execution_options(synchronize_session=False)
    return (await db.exec(unheard)).rowcount


async def _ready_again(db: AsyncSession) -> dict[str, object]:
    now, lease = await clock.now(await db.connection()), col(Job.lease_expires_at)
    return {
        "status": JobStatus.READY,
        "attempts": 0,
        "run_after": case((lease > now, lease), else_=utcnow()),
        "announced_at": None,  # a command ends before its message is out; then the sweep sends it
        "finished_at": None,
        "lease_expires_at": None,
    }


async def announce_jobs(db: AsyncSession) -> int:
    """Have the schedulers tell the broker of all due jobs, in batches; return how many.

    By themselves they tell it again of an old job only after it has waited for twice as long.
    """
    due = col(Job.status) == JobStatus.READY, col(Job.run_after) <= utcnow()
    statement = update(Job).where(*due).values(announced_at=None)
    unheard = statement.execution_options(synchronize_session=False)
    return (await db.exec(unheard)).rowcount


async def cancel_job(db: AsyncSession, job_id: UUID) -> Job:
    """End a job that has not finished. Its worker stops one that runs at its next heartbeat.

    Raises JobNotFound, and JobInWrongState for one that has finished.
    """
    job = await get_job(db, job_id)
    ended = {
        "status": JobStatus.FAILED,
        "error": CANCELLED,
        "finished_at": utcnow(),
        "worker": None,
    }
    await _change(db, job, (JobStatus.READY, JobStatus.RUNNING), ended, "cancelled")
    return job


async def prune_jobs(
    db: AsyncSession, *, older_than: timedelta, statuses: Sequence[JobStatus]
) -> int:
    """Delete jobs that finished longer ago than `older_than`; return how many.

    Commits after every PRUNE_BATCH, so that no other writer waits long, on SQLite as well.
    """
    oldest = (
        select(Job.id)
        .where(col(Job.finished_at) < utcnow() - older_than, col(Job.status).in_(statuses))
        .order_by(col(Job.finished_at))
        .limit(PRUNE_BATCH)
    )
    statement = (
        delete(Job).where(col(Job.id).in_(oldest)).execution_options(synchronize_session=False)
    )
    total = 0
    while deleted := (await db.exec(statement)).rowcount:
        await db.commit()
        total += deleted
    return total


async def _change(
    db: AsyncSession,
    job: Job,
    allowed: Sequence[JobStatus],
    values: dict[str, object],
    verb: str,
) -> None:
    """Change the row only from an allowed state: a worker may have moved it since it was read."""
    statement = (
        update(Job)
        .where(col(Job.id) == job.id, col(Job.status).in_(allowed))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    changed = (await db.exec(statement)).rowcount
    await db.refresh(job)
    if not changed:
        raise JobInWrongState(f"The job is {job.status} and can't be {verb}.")
