"""A worker that is told what to run, as brokers do."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from kit.database import engine
from kit.tasks import JobStatus, sql
from kit.tasks.worker.worker import Worker
from kit.testing import until
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.tasks import jobs
from inside.tasks.conftest import JobOf, working


async def test_a_submitted_job_is_settled_when_submit_returns(
    session: AsyncSession, job_of: JobOf, tmp_path: Path
) -> None:
    job = await jobs.trace.enqueue(session, str(tmp_path / "log"), "x")
    await session.commit()
    async with working(Worker(poll=False)) as worker:
        await worker.submit(job.id)
        assert (await job_of(job.id)).status == JobStatus.SUCCESSFUL
        await worker.submit(job.id)
    assert jobs.lines(tmp_path / "log") == ["x"], "the second message is a no-op"


async def test_what_nobody_submitted_is_left_alone(
    session: AsyncSession, job_of: JobOf, tmp_path: Path
) -> None:
    other = await jobs.trace.enqueue(session, str(tmp_path / "log"), "other")
    job = await jobs.trace.enqueue(session, str(tmp_path / "log"), "x")
    await session.commit()
    async with working(Worker(poll=False)) as worker:
        await worker.submit(job.id)
    assert jobs.lines(tmp_path / "log") == ["x"]
    assert (await job_of(other.id)).status == JobStatus.READY


async def test_nothing_to_do_is_told_at_once(session: AsyncSession, tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    later = await jobs.trace.using(run_after=timedelta(hours=1)).enqueue(session, log, "later")
    taken = await jobs.trace.enqueue(session, log, "taken")
    await session.commit()
    async with engine.begin() as connection:
        await sql.claim(connection, "another", 1, lease=timedelta(minutes=1), ids=[taken.id])
    async with working(Worker(poll=False)) as worker:
        await asyncio.gather(*map(worker.submit, (later.id, taken.id, uuid4())))
    assert jobs.lines(tmp_path / "log") == []


async def test_more_than_the_concurrency_run_at_once_if_submitted(
    session: AsyncSession, tmp_path: Path
) -> None:
    made = [await jobs.slow.enqueue(session, str(tmp_path / str(n)), 60.0) for n in range(3)]
    await session.commit()
    stop_soon = Worker(poll=False, concurrency=1, shutdown_timeout=timedelta(milliseconds=1))
    async with working(stop_soon) as worker:
        submitted = [asyncio.create_task(worker.submit(job.id)) for job in made]
        await until(lambda: all(jobs.lines(tmp_path / str(n)) == ["begun"] for n in range(3)))
    await asyncio.gather(*submitted)


async def test_the_second_message_of_a_running_job_takes_no_place_in_the_worker(
    session: AsyncSession, tmp_path: Path
) -> None:
    job = await jobs.slow.enqueue(session, str(tmp_path / "log"), 60.0)
    await session.commit()
    async with working(Worker(poll=False, shutdown_timeout=timedelta(milliseconds=1))) as worker:
        first = asyncio.create_task(worker.submit(job.id))
        await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
        await worker.submit(job.id)
        assert not first.done()
    await first
    assert jobs.lines(tmp_path / "log") == ["begun"]


async def test_a_clock_that_is_a_little_ahead_does_not_put_a_submitted_job_off(
    session: AsyncSession, tmp_path: Path
) -> None:
    ahead = jobs.trace.using(run_after=timedelta(milliseconds=900))
    job = await ahead.enqueue(session, str(tmp_path / "log"), "x")
    await session.commit()
    async with working(Worker(poll=False)) as worker:
        await worker.submit(job.id)
    assert jobs.lines(tmp_path / "log") == ["x"]


async def test_a_stopped_worker_lets_those_go_who_wait(
    session: AsyncSession, job_of: JobOf, tmp_path: Path
) -> None:
    job = await jobs.slow.enqueue(session, str(tmp_path / "log"), 60.0)
    await session.commit()
    async with working(Worker(poll=False, shutdown_timeout=timedelta(milliseconds=1))) as worker:
        submitted = asyncio.create_task(worker.submit(job.id))
        await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
    await submitted
    handed_back = await job_of(job.id)
    assert (handed_back.status, handed_back.attempts) == (JobStatus.READY, 0)
    await worker.submit(job.id)
    assert jobs.lines(tmp_path / "log") == ["begun"]
