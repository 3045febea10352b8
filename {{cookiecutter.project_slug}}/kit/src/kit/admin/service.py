"""What /admin shows and does, besides `tasks/service.py`. Nothing here commits."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.admin.emails import FailedTask
from kit.discovery import modules
from kit.tasks import Job, JobStatus, Obsolete
from kit.tasks.models import CANCELLED
from kit.tasks.redaction import error_class
from kit.tasks.service import JobNotFound, get_job, list_jobs
from kit.tasks.statistics import QueueState, count_jobs, queue_states


class Figure(NamedTuple):
    """A number for the overview, and the page that says more."""

    number: int
    name: str
    path: str


@dataclass(frozen=True)
class TaskCounts:
    """The jobs of one task, by state."""

    task: str
    jobs: Counter[JobStatus]


@dataclass(frozen=True)
class Overview:
    """What an operator wants to know first."""

    jobs: Counter[JobStatus]
    tasks: Sequence[TaskCounts]
    queues: Sequence[QueueState]
    failures: Sequence[Job]
    figures: Sequence[Figure]
    """Those of the `admin` modules of `app`."""


async def overview(db: AsyncSession) -> Overview:
    """The state of jobs and queues, and what the slices count, now."""
    tasks: dict[str, Counter[JobStatus]] = {}
    for count in await count_jobs(db):
        tasks.setdefault(count.task, Counter())[count.status] = count.jobs
    return Overview(
        jobs=sum(tasks.values(), Counter()),
        tasks=[TaskCounts(task, jobs) for task, jobs in tasks.items()],
        queues=await queue_states(db),
        failures=await list_jobs(db, status=JobStatus.FAILED, limit=5),
        figures=[
            figure
            for module in modules("admin", "app")
            if hasattr(module, "figures")
            for figure in await module.figures(db)
        ],
    )


async def job_of(db: AsyncSession, job_id: UUID, user_id: UUID) -> Job:
    """The job, if it is this user's own.

    Raises JobNotFound, for another user's job as for one that doesn't exist.
    """
    job = await get_job(db, job_id)
    if job.owner_id != user_id:
        raise JobNotFound(f"There is no job {job_id}.")
    return job


async def failures(db: AsyncSession, *, since: datetime, until: datetime) -> list[FailedTask]:
    """The tasks whose jobs failed in that time, most jobs first.

    Not what people cancelled, nor what was obsolete when its turn came.
    """
    failed: list[ColumnElement[bool]] = [
        col(Job.status) == JobStatus.FAILED,
        col(Job.finished_at).between(since, until),
        col(Job.error) != CANCELLED,
        *(col(Job.error).not_like(f"{kind.__name__}: %") for kind in _kinds_of(Obsolete)),
    ]
    number = func.count()
    counts = select(Job.task, number).where(*failed).group_by(col(Job.task))
    found = []
    for task, jobs in (await db.exec(counts.order_by(number.desc(), col(Job.task)))).all():
        newest = select(Job.error).where(*failed, Job.task == task)
        newest = newest.order_by(col(Job.finished_at).desc()).limit(1)
        error = (await db.exec(newest)).first() or ""
        found.append(FailedTask(task=task, jobs=jobs, error=error_class(error)))
    return found


def _kinds_of(error: type[Exception]) -> Iterator[type[Exception]]:
    """The class and all that derive from it: by their names the table knows them."""
    yield error
    for kind in error.__subclasses__():
        yield from _kinds_of(kind)
