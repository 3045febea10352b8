"""What becomes of a job that is cancelled while it runs, and of one that is retried."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import time_machine
from kit.database import engine, utcnow
from kit.tasks import JobStatus, sql
from kit.tasks.models import CANCELLED
from kit.tasks.service import cancel_job, retry_job, retry_jobs
from kit.tasks.worker.worker import Worker
from kit.testing import until
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.tasks import jobs
from inside.tasks.conftest import JobOf, working

MINUTE = timedelta(minutes=1)


async def test_its_worker_stops_it(session: AsyncSession, job_of: JobOf, tmp_path: Path) -> None:
    job = await jobs.slow.enqueue(session, str(tmp_path / "log"), 60.0)
    await session.commit()
    async with working(Worker(lease=timedelta(milliseconds=300))) as worker:
        await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
        await cancel_job(session, job.id)
        await session.commit()
        await until(lambda: not worker._running)
    cancelled = await job_of(job.id)
    assert (cancelled.status, cancelled.error) == (JobStatus.FAILED, CANCELLED)


@pytest.mark.parametrize("retry_all", [False, True])
async def test_a_retry_waits_until_its_worker_must_have_stopped(
    session: AsyncSession, *, retry_all: bool
) -> None:
    job = await jobs.trace.enqueue(session, "x", "y")
    await session.commit()
    async with engine.begin() as connection:
        await sql.claim(connection, "still at it", 1, lease=MINUTE)
    await cancel_job(session, job.id)
    await (retry_jobs(session) if retry_all else retry_job(session, job.id))
    await session.commit()
    assert await claimed() == []
    with time_machine.travel(utcnow() + MINUTE):
        assert await claimed() == [job.id]


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.READY])
async def test_a_retry_of_what_nobody_runs_is_due_at_once(
    session: AsyncSession, status: JobStatus
) -> None:
    job = await jobs.trace.using(run_after=MINUTE).enqueue(session, "x", "y")
    job.status = status
    await session.commit()
    await retry_job(session, job.id)
    await session.commit()
    assert await claimed() == [job.id]


async def test_all_that_wait_for_another_attempt_are_made_due(session: AsyncSession) -> None:
    late = jobs.trace.using(run_after=MINUTE)
    waits = await late.using(queue="mail").enqueue(session, "x", "y")
    waits_elsewhere = await late.enqueue(session, "x", "y")
    planned = await late.using(queue="mail").enqueue(session, "x", "y")
    failed = await jobs.trace.using(queue="mail").enqueue(session, "x", "y")
    failed.status = JobStatus.FAILED
    for job in (waits, waits_elsewhere, failed):
        job.attempts = 3
    await session.commit()

    assert await retry_jobs(session, waiting=True, queue="mail") == 1
    assert await retry_jobs(session, waiting=True, task="no_such_task") == 0
    await session.commit()
    assert await claimed() == [waits.id]
    with time_machine.travel(utcnow() + MINUTE):
        assert sorted(await claimed()) == [waits_elsewhere.id, planned.id]  # ids sort by age


async def claimed() -> list[UUID]:
    """What another worker gets now."""
    async with engine.begin() as connection:
        return [job.id for job in await sql.claim(connection, "another", 9, lease=MINUTE)]
