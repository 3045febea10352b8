"""The statements that claim and settle jobs; sql.py runs them, and says what each `b_…` holds.

They are built once, because building a statement costs more than running it.
"""

from typing import Any

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
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import SQLModel

from kit.database import engine
from kit.tasks import clock
from kit.tasks.models import JobStatus

_jobs = SQLModel.metadata.tables["jobs"]

# Written into the SQL instead of bound: the planner then knows how few rows they are.
READY: ColumnElement[str] = literal_column(f"'{JobStatus.READY}'")
RUNNING: ColumnElement[str] = literal_column(f"'{JobStatus.RUNNING}'")


def _among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether a column's value is in a list that is bound later.

    One parameter on PostgreSQL, however long the list: it then knows the statement already.
    """
    if engine.dialect.name == "postgresql":
        return column == any_(bindparam(name, type_=ARRAY(column.type)))
    return column.in_(bindparam(name, expanding=True))


def _is_still(status: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether rows that are looked up by their ids have this status.

    With `status = …` PostgreSQL would read all rows of that status, from an index that is small
    by its statistics: those know nothing of a sudden backlog, nor of the dead entry that each
    job leaves until the next VACUUM. An expression has no index.
    """
    return _jobs.c.status.concat("") == status


def _first_due(status: ColumnElement[bool]) -> Select[Any]:
    return (
        select(_jobs.c.id)
        .where(status, _jobs.c.run_after <= bindparam("b_due"))
        .order_by(_jobs.c.rank, _jobs.c.run_after)
        .limit(bindparam("b_limit"))
    )


def is_among(locked: Select[Any]) -> ColumnElement[bool]:
    """Whether a job is one of those whose ids this query returns, and locks.

    PostgreSQL may run a subquery again for each row of the table, and each time lock as many jobs
    as its limit allows. An array is made once.
    """
    if engine.dialect.name == "postgresql":
        return _jobs.c.id == any_(
            func.array(locked.scalar_subquery(), type_=ARRAY(_jobs.c.id.type))
        )
    return _jobs.c.id.in_(locked)


def _claim(due: Select[Any]) -> ReturningUpdate[Any]:
    return (
        update(_jobs)
        .where(is_among(due.with_for_update(skip_locked=True)))
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


# --- Claiming ---
_DUE = _first_due(_jobs.c.status == READY)
_DUE_THESE = _first_due(_is_still(READY)).where(_among(_jobs.c.id, "b_these"))

CLAIM_ANY = _claim(_DUE)
CLAIM_OTHERS = _claim(_DUE.where(not_(_among(_jobs.c.id, "b_not_these"))))
CLAIM_THESE = _claim(_DUE_THESE)

NEXT_DUE = select(func.min(_jobs.c.run_after)).where(_jobs.c.status == READY)

# --- Settling ---
_MINE = (_is_still(RUNNING), _jobs.c.worker == bindparam("b_worker"))

# A worker never has two claims of one job, so ids and times of claims need not be paired.
_SUCCEED = (
    update(_jobs)
    .where(_among(_jobs.c.id, "b_done"), _among(_jobs.c.started_at, "b_claims"), *_MINE)
    .values(
        status=JobStatus.SUCCESSFUL.value,
        error=None,
        finished_at=bindparam("b_now"),
        worker=None,
        lease_expires_at=None,
    )
)
SUCCEED = _SUCCEED.returning(_jobs.c.id)

SETTLE = (
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

# --- Both at once ---
AND_SUCCEED = {
    claim: claim.add_cte(_SUCCEED.cte("settled"))
    for claim in (CLAIM_ANY, CLAIM_OTHERS, CLAIM_THESE)
}
"""Each claim, and the statement that also settles the jobs of `b_done` (PostgreSQL)."""
