"""A job's life in the table, one statement a step.

ready ──claim──> running ──settle──> successful | failed | ready again, later
  ^                 │
  └────sweep────────┘   when the lease ran out: the worker is dead (see sweep.py)
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import col

from kit.database import utcnow
from kit.tasks import clock, statements
from kit.tasks.models import Job, JobStatus
from kit.tasks.on_settle import insert_rows
from kit.tasks.outcomes import ClaimedJob, Outcome

SKEW = timedelta(seconds=1)
"""How much the clocks of two machines may differ without a submitted job being put off."""


async def claim(
    connection: AsyncConnection,
    worker: str,
    limit: int,
    *,
    lease: timedelta,
    ids: Collection[UUID] | None = None,
    but: Collection[UUID] = (),
) -> list[ClaimedJob]:
    """Take up to `limit` due jobs, the most urgent first, and count the attempt.

    ids: only these, which were due by the clock of the process that submitted them.
    but: not these, because they still run here.

    Only one worker can win a row: PostgreSQL skips rows that another has locked,
    SQLite lets one writer in at a time.
    """
    statement, values = _claim(worker, limit, lease, ids, but)
    return [ClaimedJob(*row) for row in await connection.execute(statement, values)]


async def claim_and_settle(
    connection: AsyncConnection,
    worker: str,
    limit: int,
    *,
    done: Sequence[ClaimedJob],
    lease: timedelta,
    ids: Collection[UUID] | None = None,
    but: Collection[UUID] = (),
) -> list[ClaimedJob]:
    """Claim as `claim` does, and settle `done` as successful, in one statement (PostgreSQL)."""
    claim, values = _claim(worker, limit, lease, ids, but)
    both = await connection.execute(statements.AND_SUCCEED[claim], values | _successes(done))
    return [ClaimedJob(*row) for row in both]


def _claim(
    worker: str,
    limit: int,
    lease: timedelta,
    ids: Collection[UUID] | None,
    but: Collection[UUID],
) -> tuple[ReturningUpdate[Any], dict[str, object]]:
    time = utcnow()
    values: dict[str, object] = {
        "b_worker": worker,
        "b_limit": limit,
        "b_now": time,
        "b_due": time if ids is None else time + SKEW,
        "b_lease": clock.lease_parameter(lease),
    }
    if ids is not None:
        return statements.CLAIM_THESE, values | {"b_these": [*set(ids).difference(but)]}
    if but:
        return statements.CLAIM_OTHERS, values | {"b_not_these": [*but]}
    return statements.CLAIM_ANY, values


async def settle(connection: AsyncConnection, worker: str, outcomes: Sequence[Outcome]) -> None:
    """Write down how jobs ended. A job that no longer belongs to this worker is left alone.

    Most succeed and return nothing. One statement settles all of those, and one inserts the rows
    that they left.
    """
    time = utcnow()
    settled: set[UUID] = set()
    if done := [outcome.job for outcome in outcomes if outcome.is_plain]:
        values = {"b_worker": worker, "b_now": time, **_successes(done)}
        settled |= set((await connection.execute(statements.SUCCEED, values)).scalars())
    for outcome in outcomes:
        if not outcome.is_plain:
            values = _values(outcome, worker, time)
            updated = await connection.execute(statements.SETTLE, values)
            settled |= {outcome.job.id} if updated.rowcount else set()
    if rows := [row for outcome in outcomes if outcome.job.id in settled for row in outcome.rows]:
        await insert_rows(connection, rows)


def _successes(done: Sequence[ClaimedJob]) -> dict[str, object]:
    return {"b_done": [job.id for job in done], "b_claims": [*{job.started_at for job in done}]}


def _values(outcome: Outcome, worker: str, time: datetime) -> dict[str, object]:
    finished = outcome.status is not JobStatus.READY
    return {
        "b_id": outcome.job.id,
        "b_worker": worker,
        "b_started_at": outcome.job.started_at,
        "b_status": outcome.status.value,
        "b_result": outcome.result,
        "b_error": outcome.error,
        "b_attempts": outcome.job.attempt if outcome.counted else outcome.job.attempt - 1,
        "b_run_after": None if finished else time + outcome.delay,
        "b_finished_at": time if finished else None,
    }


async def renew(
    connection: AsyncConnection, worker: str, ids: Collection[UUID], *, lease: timedelta
) -> set[UUID]:
    """Extend the leases of jobs that a living worker has; return those still its own.

    A row that is locked at the moment is skipped, not waited for: the next heartbeat renews it.
    """
    mine = select(col(Job.id)).where(
        col(Job.id).in_(ids),
        col(Job.status) == statements.RUNNING,
        col(Job.worker) == worker,
    )
    statement = (
        update(Job)
        .where(col(Job.id).in_(mine.with_for_update(skip_locked=True)))
        .values(lease_expires_at=clock.LEASE_END)
    )
    await connection.execute(statement, {"b_lease": clock.lease_parameter(lease)})
    return set((await connection.execute(mine)).scalars())


async def next_due(connection: AsyncConnection) -> datetime | None:
    """When the earliest waiting job becomes due; None if none waits."""
    due: datetime | None = (await connection.execute(statements.NEXT_DUE)).scalar()
    return due
