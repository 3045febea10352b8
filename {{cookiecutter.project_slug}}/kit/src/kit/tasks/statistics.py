"""The state of the queues, for `/metrics`, `/readyz`, the pages of /admin and `manage jobs stats`.

All of it is read from the table on request, so it is right for any number of web processes and
workers, and after any restart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, extract, func, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.database import utcnow
from kit.tasks import sql
from kit.tasks.models import Job, JobStatus
from kit.tasks.statements import READY, RUNNING


@dataclass(frozen=True)
class Count:
    """How many jobs of one task are in one state."""

    task: str
    status: JobStatus
    jobs: int


@dataclass(frozen=True)
class QueueState:
    """One queue, now."""

    name: str
    due: int
    """Jobs that could run now if a worker were free."""
    later: int
    """Jobs that wait for their time: scheduled, or between two attempts."""
    running: int
    oldest_due: datetime | None
    lag: timedelta
    """How long the oldest due job has been waiting; zero if none is."""


@dataclass(frozen=True)
class Durations:
    """How long the jobs of one task took that finished lately; their last attempts."""

    task: str
    jobs: int
    total: timedelta
    within: Sequence[int]
    """How many took no longer than each of the limits that were asked for."""


async def count_jobs(db: AsyncSession) -> list[Count]:
    """How many jobs the table holds, by task and state."""
    statement = (
        select(col(Job.task), col(Job.status), func.count())
        .group_by(col(Job.task), col(Job.status))
        .order_by(col(Job.task), col(Job.status))
    )
    rows = await (await db.connection()).execute(statement)
    return [Count(task, JobStatus(status), jobs) for task, status, jobs in rows]


async def queue_states(db: AsyncSession) -> list[QueueState]:
    """Every queue in which a job waits or runs, by name."""
    now = utcnow()
    ready, running = col(Job.status) == READY, col(Job.status) == RUNNING
    is_due = ready & (col(Job.run_after) <= now)
    statement = (
        select(
            col(Job.queue),
            _count_if(is_due),
            _count_if(ready & ~is_due),
            _count_if(running),
            func.min(case((is_due, col(Job.run_after)))),
        )
        .where(ready | running)
        .group_by(col(Job.queue))
        .order_by(col(Job.queue))
    )
    rows = await (await db.connection()).execute(statement)
    return [
        QueueState(name, due, later, busy, oldest, now - oldest if oldest else timedelta(0))
        for name, due, later, busy, oldest in rows
    ]


async def longest_lag(db: AsyncSession) -> timedelta:
    """How long the oldest due job of all queues has been waiting; zero if none is."""
    oldest = await sql.next_due(await db.connection())
    return max(utcnow() - oldest, timedelta(0)) if oldest else timedelta(0)


async def durations(
    db: AsyncSession, *, since: datetime, limits: Sequence[timedelta]
) -> list[Durations]:
    """How long the jobs took that finished after `since`, by task, against ascending limits."""
    took = _seconds_taken(db.get_bind().dialect.name)
    counts = [_count_if(took <= limit.total_seconds()) for limit in limits]
    statement = (
        select(col(Job.task), func.count(), func.sum(took), *counts)
        .where(col(Job.finished_at) > since, col(Job.started_at).is_not(None))
        .group_by(col(Job.task))
        .order_by(col(Job.task))
    )
    rows = await (await db.connection()).execute(statement)
    return [
        Durations(task, jobs, timedelta(seconds=float(total)), within)
        for task, jobs, total, *within in rows
    ]


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _seconds_taken(dialect: str) -> ColumnElement[Any]:
    """The length of a job's last attempt, which each database calculates in its own way."""
    if dialect == "sqlite":
        days = func.julianday(col(Job.finished_at)) - func.julianday(col(Job.started_at))
        return days * 86_400
    return extract("epoch", col(Job.finished_at) - col(Job.started_at))
