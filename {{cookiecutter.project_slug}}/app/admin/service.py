"""What /admin shows and does, besides `tasks/service.py`. Nothing here commits."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import exists, update
from sqlalchemy.orm import aliased
from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import sessions, tokens
from app.accounts.models import User
from app.accounts.tasks import AccountGone
from app.admin.emails import FailedTask
from app.admin.redaction import error_class
from app.errors import AppError
from app.tasks import Job, JobStatus
from app.tasks.models import CANCELLED
from app.tasks.service import JobNotFound, get_job, list_jobs
from app.tasks.statistics import QueueState, count_jobs, queue_states


class UserNotFound(AppError):
    status: ClassVar[int] = 404
    title: ClassVar[str] = "No such user"


class OwnAccount(AppError):
    """Nobody locks the door from outside with the key inside."""

    status: ClassVar[int] = 409
    title: ClassVar[str] = "This is your own account"


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
    users: int
    unverified: int


async def overview(session: AsyncSession) -> Overview:
    """The state of jobs, queues and users, now."""
    tasks: dict[str, Counter[JobStatus]] = {}
    for count in await count_jobs(session):
        tasks.setdefault(count.task, Counter())[count.status] = count.jobs
    unverified = select(func.count()).where(col(User.verified_at).is_(None))
    return Overview(
        jobs=sum(tasks.values(), Counter()),
        tasks=[TaskCounts(task, jobs) for task, jobs in tasks.items()],
        queues=await queue_states(session),
        failures=await list_jobs(session, status=JobStatus.FAILED, limit=5),
        users=(await session.exec(select(func.count()).select_from(User))).one(),
        unverified=(await session.exec(unverified)).one(),
    )


async def job_for(session: AsyncSession, job_id: UUID, user: User) -> Job:
    """The job, if it is the user's own or the user a superuser.

    Raises JobNotFound, the same for a job of somebody else and for none at all.
    """
    job = await get_job(session, job_id)
    if not user.is_superuser and job.owner_id != user.id:
        raise JobNotFound(f"There is no job {job_id}.")
    return job


async def failures(session: AsyncSession, *, since: datetime, until: datetime) -> list[FailedTask]:
    """The tasks whose jobs failed in that time, most jobs first.

    Not what people cancelled, nor what came too late for an account.
    """
    failed = (
        Job.status == JobStatus.FAILED,
        col(Job.finished_at).between(since, until),
        Job.error != CANCELLED,
        col(Job.error).not_like(f"{AccountGone.__name__}: %"),
    )
    number = func.count()
    counts = select(Job.task, number).where(*failed).group_by(col(Job.task))
    found = []
    for task, jobs in (await session.exec(counts.order_by(number.desc(), col(Job.task)))).all():
        newest = select(Job.error).where(*failed, Job.task == task)
        newest = newest.order_by(col(Job.finished_at).desc()).limit(1)
        error = (await session.exec(newest)).first() or ""
        found.append(FailedTask(task=task, jobs=jobs, error=error_class(error)))
    return found


async def administrators(session: AsyncSession) -> Sequence[User]:
    """The superusers who can sign in."""
    statement = select(User).where(col(User.is_superuser), col(User.is_active))
    return (await session.exec(statement.order_by(User.email))).all()


async def list_users(
    session: AsyncSession, *, text: str = "", after: str = "", limit: int = 50
) -> Sequence[User]:
    """Users by address. text: somewhere in it or in the name. after: the last one of a page."""
    statement = select(User).where(User.email > after).order_by(User.email).limit(limit)
    if text:
        places = (col(User.email), col(User.full_name))
        statement = statement.where(or_(*(p.icontains(text, autoescape=True) for p in places)))
    return (await session.exec(statement)).all()


async def deactivate_user(session: AsyncSession, user_id: UUID, *, by: User) -> User:
    """Lock somebody out: their devices are signed out, their links are dead.

    Of two administrators who do this to each other at once, one stays. Raises UserNotFound, or
    OwnAccount.
    """
    if user_id == by.id:
        raise OwnAccount("Another administrator has to deactivate it.")
    user = await _get_user(session, user_id)
    # PostgreSQL locks both rows, always in one order; SQLite lets one write at a time anyway.
    both = select(col(User.id)).where(col(User.id).in_([user.id, by.id])).order_by(col(User.id))
    await session.exec(both.with_for_update())
    still_here = aliased(User)
    deactivated = await session.exec(
        update(User)
        .where(
            col(User.id) == user.id,
            exists().where(col(still_here.id) == by.id, col(still_here.is_active).is_(True)),
        )
        .values(is_active=False)
        .execution_options(synchronize_session=False)
    )
    if not deactivated.rowcount:
        raise UserNotFound("Your account or this one has been closed just now.")
    await sessions.end_all(session, user)
    await tokens.delete_all(session, user)
    return user


async def activate_user(session: AsyncSession, user_id: UUID) -> User:
    """Let somebody in again; raises UserNotFound."""
    user = await _get_user(session, user_id)
    user.is_active = True
    return user


async def _get_user(session: AsyncSession, user_id: UUID) -> User:
    user = await session.get(User, user_id)
    if user is None:
        raise UserNotFound(f"There is no user {user_id}.")
    return user
