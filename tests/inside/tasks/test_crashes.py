"""Committed jobs run, whatever dies when: processes are killed at each step of a job's life."""

import asyncio
import signal
from pathlib import Path
from uuid import UUID

import pytest
from kit.database import engine, utcnow
from kit.tasks import Job, JobStatus
from kit.tasks.worker.worker import Worker
from kit.testing import until
from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.tasks import jobs, processes
from inside.tasks.conftest import JobOf


async def killed(*arguments: str) -> bool:
    """Whether such a process ends by SIGKILL."""
    with processes.running(*arguments) as process:
        return (await process.ended()).returncode == -signal.SIGKILL


async def recovered(job_id: UUID, job_of: JobOf) -> Job:
    """What a worker that is started after the dead one's lease makes of the job."""
    await lease_ends()
    worker = Worker(lease=processes.LEASE)
    running = asyncio.create_task(worker.run())

    async def finished() -> bool:
        return (await job_of(job_id)).finished_at is not None

    await until(finished)
    worker.stop()
    await running
    return await job_of(job_id)


async def lease_ends() -> None:
    """As if the time had passed. The job may have ended before."""
    async with engine.begin() as connection:
        running = update(Job).where(col(Job.lease_expires_at).is_not(None))
        await connection.execute(running.values(lease_expires_at=utcnow()))


@pytest.mark.parametrize(
    ("step", "runs"),
    [
        ("before the claim is committed", 1),
        ("after the claim", 1),
        ("after the run", 2),
        ("before the outcome is committed", 2),
        ("after the outcome is committed", 1),
    ],
)
async def test_a_job_survives_the_death_of_its_worker(
    session: AsyncSession, job_of: JobOf, tmp_path: Path, step: str, runs: int
) -> None:
    log = tmp_path / "log"
    job = await jobs.trace.enqueue(session, str(log), "done")
    await session.commit()

    assert await killed("die", step)

    job = await recovered(job.id, job_of)
    assert job.status == JobStatus.SUCCESSFUL
    assert jobs.lines(log) == ["done"] * runs


async def test_what_was_not_committed_never_runs(session: AsyncSession, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert await killed("enqueue", "before COMMIT", str(log))
    assert (await session.exec(select(Job))).all() == []


async def test_what_was_committed_runs_although_nobody_was_told(
    session: AsyncSession, job_of: JobOf, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    assert await killed("enqueue", "after COMMIT", str(log))
    job_id = (await session.exec(select(Job.id))).one()
    await session.rollback()
    assert (await recovered(job_id, job_of)).status == JobStatus.SUCCESSFUL
    assert jobs.lines(log) == ["done"]


async def test_a_task_that_kills_its_worker_fails_after_max_attempts(
    session: AsyncSession, job_of: JobOf, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    job = await jobs.poison.enqueue(session, str(log))
    await session.commit()

    for _ in range(jobs.poison.max_attempts):
        assert await killed("work")
        await lease_ends()

    job = await recovered(job.id, job_of)
    assert jobs.lines(log) == ["swallowed"] * jobs.poison.max_attempts
    assert job.status == JobStatus.FAILED
    assert "its worker died" in (job.error or "")
