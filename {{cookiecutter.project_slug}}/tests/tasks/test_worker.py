"""I2 and I6, and what makes the worker quick."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database import Session, utcnow
from app.tasks import Job, JobStatus, engines
from app.tasks.worker import Worker
from tests.tasks import jobs, processes
from tests.tasks.conftest import until

JobOf = Callable[[UUID], Awaitable[Job]]


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[Worker]:
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await running


async def unfinished() -> int:
    async with Session() as session:
        statement = select(func.count()).where(col(Job.finished_at).is_(None))
        return (await session.exec(statement)).one()


async def all_finished() -> bool:
    return await unfinished() == 0


async def test_several_jobs_run_at_the_same_time(session: AsyncSession, tmp_path: Path) -> None:
    for number in range(3):
        await jobs.slow.enqueue(session, str(tmp_path / str(number)), 60.0)
    await session.commit()
    async with working(Worker(concurrency=3, shutdown_timeout=timedelta(milliseconds=1))):
        await until(
            lambda: all(jobs.lines(tmp_path / str(number)) == ["begun"] for number in range(3))
        )


async def test_a_worker_takes_no_more_than_it_can_run(
    session: AsyncSession, tmp_path: Path
) -> None:
    for number in range(3):
        await jobs.slow.enqueue(session, str(tmp_path / str(number)), 60.0)
    await session.commit()
    async with working(Worker(concurrency=2, shutdown_timeout=timedelta(milliseconds=1))):
        await until(
            lambda: sum(bool(jobs.lines(tmp_path / str(number))) for number in range(3)) == 2
        )
        statuses = Counter((await session.exec(select(Job.status))).all())
        assert statuses == {JobStatus.RUNNING: 2, JobStatus.READY: 1}


async def test_commit_wakes_the_engine_of_this_process(tmp_path: Path) -> None:
    engine = engines.current()
    await engine.start()
    async with Session() as session:
        await jobs.trace.enqueue(session, str(tmp_path / "log"), "x")
        await session.commit()
    await until(all_finished)
    await engine.stop()
    assert jobs.lines(tmp_path / "log") == ["x"]


async def test_the_more_urgent_job_goes_first(session: AsyncSession, tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    for priority in (0, 10, -10):
        await jobs.trace.using(priority=priority).enqueue(session, log, str(priority))
    await session.commit()
    async with working(Worker(concurrency=1)):
        await until(all_finished)
    assert jobs.lines(tmp_path / "log") == ["10", "0", "-10"]


async def test_a_job_for_later_waits_for_its_time(session: AsyncSession, tmp_path: Path) -> None:
    later = jobs.trace.using(run_after=timedelta(milliseconds=300))
    job = await later.enqueue(session, str(tmp_path / "log"), "x")
    await session.commit()
    async with working(Worker()):
        await until(all_finished)
    await session.refresh(job)
    assert job.started_at
    assert job.started_at >= job.run_after


async def test_many_workers_run_each_job_once(session: AsyncSession, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for number in range(300):
        await jobs.trace.enqueue(session, str(log), str(number))
    await session.commit()
    workers = [processes.start("work") for _ in range(3)]
    await until(all_finished)
    for process in workers:
        process.terminate()
    for process in workers:
        await asyncio.to_thread(process.communicate)
    assert Counter(jobs.lines(log)) == Counter({str(number): 1 for number in range(300)})
    assert set((await session.exec(select(Job.attempts))).all()) == {1}


async def test_a_living_worker_keeps_its_job_beyond_the_lease(
    session: AsyncSession, tmp_path: Path
) -> None:
    await jobs.slow.enqueue(session, str(tmp_path / "log"), 1.5)
    await session.commit()
    short = timedelta(seconds=1)
    async with working(Worker(lease=short)), working(Worker(lease=short)):
        await until(all_finished)
    assert jobs.lines(tmp_path / "log") == ["begun", "finished"]


async def test_a_worker_that_lost_its_lease_stops_and_changes_nothing(
    session: AsyncSession, job_of: JobOf, tmp_path: Path
) -> None:
    job = await jobs.slow.enqueue(session, str(tmp_path / "log"), 60.0)
    await session.commit()
    async with working(Worker(lease=timedelta(milliseconds=300))) as worker:
        await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
        await session.exec(
            update(Job).values(
                worker="another", attempts=2, lease_expires_at=utcnow() + timedelta(hours=1)
            )
        )
        await session.commit()

        await until(lambda: not worker._running)
    stolen = await job_of(job.id)
    assert (stolen.worker, stolen.attempts, stolen.status) == ("another", 2, JobStatus.RUNNING)
    assert jobs.lines(tmp_path / "log") == ["begun"]


async def test_sigterm_finishes_what_runs_and_claims_nothing_more(
    session: AsyncSession, tmp_path: Path
) -> None:
    process = processes.start("work")
    await jobs.slow.enqueue(session, str(tmp_path / "log"), 0.5)
    await session.commit()

    await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
    process.send_signal(signal.SIGTERM)
    late = await jobs.trace.enqueue(session, str(tmp_path / "late"), "x")
    await session.commit()
    await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    assert jobs.lines(tmp_path / "log") == ["begun", "finished"]
    await session.refresh(late)
    assert late.status == JobStatus.READY


async def test_sigterm_hands_back_what_takes_too_long(
    session: AsyncSession, job_of: JobOf, tmp_path: Path
) -> None:
    process = processes.start("stop soon")
    job = await jobs.slow.enqueue(session, str(tmp_path / "log"), 60.0)
    await session.commit()

    await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
    process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    job = await job_of(job.id)
    assert (job.status, job.attempts, job.worker) == (JobStatus.READY, 0, None)


async def test_a_hanging_thread_does_not_hold_up_sigterm_nor_run_twice(
    session: AsyncSession, job_of: JobOf, tmp_path: Path
) -> None:
    process = processes.start("stop soon")
    job = await jobs.slow_in_a_thread.enqueue(session, str(tmp_path / "log"), 60.0)
    await session.commit()

    await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
    process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    job = await job_of(job.id)
    assert job.status == JobStatus.RUNNING, "only the lease frees it: the thread may still run"
    assert job.lease_expires_at


@pytest.mark.parametrize("times", [1, 5])
async def test_waking_a_worker_for_nothing_is_harmless(times: int) -> None:
    async with working(Worker()) as worker:
        for _ in range(times):
            worker.wake()
            await asyncio.sleep(0)
    assert await all_finished()
