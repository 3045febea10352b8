"""Jobs that met a worker of another version.

During a deployment, new web servers enqueue jobs that old workers do not know: a new task, other
arguments. Such a job fails at once and says why. It has not begun, so a process that knows it
makes it ready again, for as long as deployments take.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Text, bindparam, cast, func, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from kit.database import utcnow
from kit.tasks.definition import all_tasks, get_task
from kit.tasks.errors import BadArguments, UnknownTask
from kit.tasks.models import Job, JobStatus, first_id

RECENT = timedelta(hours=1)
"""The age of a job after which only `manage jobs retry` helps: old e-mails must not go out."""
BATCH = 200
"""Jobs that are looked at in a turn, which takes the event loop some milliseconds."""

_MISFITS = (
    col(Job.status) == literal_column(f"'{JobStatus.FAILED}'"),  # so that its index is used
    col(Job.id) > bindparam("b_oldest"),
    or_(*(col(Job.error).startswith(f"{it.__name__}: ") for it in (UnknownTask, BadArguments))),
)
_FIND = (
    select(
        col(Job.id),
        col(Job.task),
        cast(col(Job.arguments), Text),
        col(Job.created_at),
        col(Job.finished_at),
    )
    .where(*_MISFITS, col(Job.task).in_(bindparam("b_tasks", expanding=True)))
    .order_by(func.random())  # or what never fits would hide the rest
    .limit(BATCH)
)
_STILL_THERE = (
    select(col(Job.id))
    .where(col(Job.id).in_(bindparam("b_ids", expanding=True)), *_MISFITS)
    .with_for_update(skip_locked=True)
)
_RETRY = (
    update(Job)
    .where(col(Job.id).in_(_STILL_THERE))
    .values(
        status=JobStatus.READY.value,
        attempts=col(Job.attempts) - 1,
        run_after=bindparam("b_now"),
        finished_at=None,
    )
    .returning(col(Job.id))
)


async def retry_misfits(connection: AsyncConnection) -> list[UUID]:
    """Make ready what did not fit the worker that met it, and fits here; return the ids.

    While the old worker is still there it may get the job again. So the next try comes when the
    job is half as old again as it was when it failed: that makes about twenty in an hour.
    """
    now = utcnow()
    oldest = {"b_oldest": first_id(now - RECENT)}
    known = {"b_tasks": [task.name for task in all_tasks()]}
    fitting = [
        id_
        for id_, task, arguments, created_at, failed_at in await connection.execute(
            _FIND, oldest | known
        )
        if _is_time(now, created_at, failed_at or now) and _fits(task, arguments)
    ]
    if not fitting:
        return []
    retried = await connection.execute(_RETRY, {**oldest, "b_ids": fitting, "b_now": now})
    return list(retried.scalars())


def _is_time(now: datetime, created_at: datetime, failed_at: datetime) -> bool:
    return now - failed_at >= (failed_at - created_at) / 2


def _fits(task: str, arguments: str) -> bool:
    try:
        get_task(task).load(arguments)
    except Exception:  # a type's own validator may raise anything; the sweep has to go on
        return False
    return True
