"""Jobs that met a worker of another version.

While a deployment goes on, new web servers enqueue what old workers do not know: another task,
other arguments. Such a job fails at once and says why. But it has not begun, so the first process
that it does fit makes it ready again, for as long as deployments take.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Text, bindparam, cast, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from app.database import utcnow
from app.tasks.models import Job, JobStatus, first_id
from app.tasks.task import BadArguments, UnknownTask, get_task

RECENT = timedelta(hours=1)
"""The age of a job after which only `manage jobs retry` helps: nobody wants last week's mails."""
PAUSE = timedelta(seconds=10)
"""Before the next try, which the same old worker may get."""

_MISFITS = (
    col(Job.status) == literal_column(f"'{JobStatus.FAILED}'"),  # so that its index is used
    col(Job.id) > bindparam("b_oldest"),
    or_(*(col(Job.error).startswith(f"{it.__name__}: ") for it in (UnknownTask, BadArguments))),
)
_FIND = select(col(Job.id), col(Job.task), cast(col(Job.arguments), Text)).where(*_MISFITS)
_RETRY = (
    update(Job)
    .where(col(Job.id).in_(bindparam("b_ids", expanding=True)), *_MISFITS)
    .values(
        status=JobStatus.READY.value,
        attempts=col(Job.attempts) - 1,
        run_after=bindparam("b_run_after"),
        finished_at=None,
    )
)


async def retry_misfits(connection: AsyncConnection) -> list[UUID]:
    """Make ready what did not fit the worker that met it, and fits here; return the ids."""
    now = utcnow()
    oldest = {"b_oldest": first_id(now - RECENT)}
    found = (await connection.execute(_FIND, oldest)).all()
    if fitting := [id_ for id_, task, arguments in found if _fits(task, arguments)]:
        again = {"b_ids": fitting, "b_run_after": now + PAUSE}
        await connection.execute(_RETRY, oldest | again)
    return fitting


def _fits(task: str, arguments: str) -> bool:
    try:
        get_task(task).load(arguments)
    except Exception:  # a type's own validator may raise anything; the sweep has to go on
        return False
    return True
