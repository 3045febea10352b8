"""The job table's life cycle, one statement a step.

ready ──claim──> running ──settle──> successful | failed | ready again, later
  ^                 │
  └────sweep────────┘   when the lease ran out: the worker is dead (see sweep.py)
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    not_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import SQLModel, col

from kit.database import engine, utcnow
from kit.tasks import clock
from kit.tasks.models import Job, JobStatus
from kit.tasks.on_settle import insert_rows
from kit.tasks.outcomes import ClaimedJob, Outcome

# Written into the SQL instead of bound: the planner then knows how few rows they are.
READY: ColumnElement[str] = literal_column(f"'{JobStatus.READY}'")
RUNNING: ColumnElement[str] = literal_column(f"'{JobStatus.RUNNING}'")


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
    done: Sequence[ClaimedJob] = (),
) -> list[ClaimedJob]:
    """Take up to `limit` due jobs, the most urgent first, and count the attempt.

    ids: only these; somebody's clock said that they are due. but: not these, because they
        still run here. done: settle these as successful in the same statement (PostgreSQL).

    Only one worker can win a row: PostgreSQL skips rows that another has locked,
    SQLite lets one writer in at a time.
    """
    time = utcnow()
    values: dict[str, object] = {
        "b_worker": worker,
        "b_limit": limit,
        "b_now": time,
        "b_due": time if ids is None else time + SKEW,
        "b_lease": clock.lease_parameter(lease),
    }
    statement = _CLAIM
    if ids is not None:
        statement, values["b_these"] = _CLAIM_THESE, [*set(ids).difference(but)]
    elif but:
        statement, values["b_but"] = _CLAIM_BUT, [*but]
    if done:
        statement, values = _AND_SUCCEED[statement], values | _successes(done)
    return [ClaimedJob(*row) for row in await connection.execute(statement, values)]


def _claim_statement(due: Select[Any]) -> ReturningUpdate[Any]:
    return (
        update(_jobs)
        .where(_jobs.c.id.in_(due.with_for_update(skip_locked=True)))
        .values(
            status=JobStatus.RUNNING.value,
            attempts=_jobs.c.attempts + 1,
            worker=bindparam("b_worker"),
            started_at=bindparam("b_now"),
            lease_expires_at=clock.LEASE_END,
        )
        .returning(
            _jobs.c.id,
            _jobs.c.task,
            cast(_jobs.c.arguments, Text),
            _jobs.c.attempts,
            _jobs.c.max_attempts,
            _jobs.c.request_id,
            _jobs.c.started_at,
        )
    )


def _among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether a column's value is one of a list that is bound later.

    One parameter on PostgreSQL, however long the list: it then knows the statement already.
    """
    if engine.dialect.name == "postgresql":
        return column == any_(bindparam(name, type_=ARRAY(column.type)))
    return column.in_(bindparam(name, expanding=True))


def _is_still(status: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether rows that are looked up by their ids have this status.

    With `status = …` PostgreSQL would read all of that status instead, from an index that is
    small by its statistics: those know nothing of a sudden backlog, nor of the dead entry that
    each job leaves until the next VACUUM. An expression has no index.
    """
    return _jobs.c.status.concat("") == status


def _due(status: ColumnElement[bool]) -> Select[Any]:
    return (
        select(_jobs.c.id)
        .where(status, _jobs.c.run_after <= bindparam("b_due"))
        .order_by(_jobs.c.rank, _jobs.c.run_after)
        .limit(bindparam("b_limit"))
    )


# Built once: building a statement costs more than running it.
_jobs = SQLModel.metadata.tables["jobs"]
_DUE = _due(_jobs.c.status == READY)
_CLAIM = _claim_statement(_DUE)
_CLAIM_BUT = _claim_statement(_DUE.where(not_(_among(_jobs.c.id, "b_but"))))
_CLAIM_THESE = _claim_statement(_due(_is_still(READY)).where(_among(_jobs.c.id, "b_these")))
_NEXT_DUE = select(func.min(_jobs.c.run_after)).where(_jobs.c.status == READY)


async def settle(connection: AsyncConnection, worker: str, outcomes: Sequence[Outcome]) -> None:
    """Write down what became of jobs. A job that is no longer this worker's is left alone.

    Most succeed and return nothing; all of those take one statement, and so do their rows.
    """
    time = utcnow()
    settled: set[UUID] = set()
    if done := [outcome.job for outcome in outcomes if outcome.is_plain]:
        values = {"b_worker": worker, "b_now": time, **_successes(done)}
        settled |= set((await connection.execute(_SUCCEED_WHICH, values)).scalars())
    for outcome in outcomes:
        if not outcome.is_plain:
            updated = await connection.execute(_SETTLE, _values(outcome, worker, time))
            settled |= {outcome.job.id} if updated.rowcount else set()
    if rows := [row for outcome in outcomes if outcome.job.id in settled for row in outcome.rows]:
        await insert_rows(connection, rows)


def _successes(done: Sequence[ClaimedJob]) -> dict[str, object]:
    return {"b_done": [job.id for job in done], "b_claims": [*{job.started_at for job in done}]}


def _values(outcome: Outcome, worker: str, time: datetime) -> dict[str, Any]:
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


_MINE = (_is_still(RUNNING), _jobs.c.worker == bindparam("b_worker"))
# A worker has no two claims of one job, so ids and times of claims need not be paired.
_SUCCEED = (
    update(_jobs)
    .where(
        _among(_jobs.c.id, "b_done"),
        _among(_jobs.c.started_at, "b_claims"),
        *_MINE,
    )
    .values(
        status=JobStatus.SUCCESSFUL.value,
        error=None,
        finished_at=bindparam("b_now"),
        worker=None,
        lease_expires_at=None,
    )
)
_SUCCEED_WHICH = _SUCCEED.returning(_jobs.c.id)
_AND_SUCCEED = {
    statement: statement.add_cte(_SUCCEED.cte("settled"))
    for statement in (_CLAIM, _CLAIM_BUT, _CLAIM_THESE)
}
_SETTLE = (
    update(_jobs)
    .where(_jobs.c.id == bindparam("b_id"), _jobs.c.started_at == bindparam("b_started_at"), *_MINE)
    .values(
        status=bindparam("b_status"),
        result=bindparam("b_result", type_=_jobs.c.result.type),
        error=bindparam("b_error"),
        attempts=bindparam("b_attempts"),
        run_after=func.coalesce(
            bindparam("b_run_after", type_=_jobs.c.run_after.type), _jobs.c.run_after
        ),
        finished_at=bindparam("b_finished_at"),
        worker=None,
        lease_expires_at=None,
    )
)


async def renew(
    connection: AsyncConnection, worker: str, ids: Collection[UUID], *, lease: timedelta
) -> set[UUID]:
    """Extend the leases of jobs that a living worker has; return those still its own.

    A row that somebody has locked just now is not waited for: it is renewed the next time.
    """
    mine = select(col(Job.id)).where(
        col(Job.id).in_(ids), col(Job.status) == RUNNING, col(Job.worker) == worker
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
    due: datetime | None = (await connection.execute(_NEXT_DUE)).scalar()
    return due
