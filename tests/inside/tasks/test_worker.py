"""One worker at a time runs a job, SIGTERM loses none, and what makes workers quick."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from kit.database import Session, engine, utcnow
from kit.tasks import Job, JobStatus, engines, sql
from kit.tasks.outcomes import Outcome
from kit.tasks.worker import worker
from kit.tasks.worker.worker import Worker
from kit.testing import until
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession
from structlog.testing import capture_logs

from inside.tasks import jobs, processes
from inside.tasks.conftest import JobOf, working


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


async def test_commit_wakes_the_engine_of_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL", timedelta(hours=1))
    started = engines.current()
    await started.start()
    async with Session() as session:
        await jobs.trace.enqueue(session, str(tmp_path / "log"), "x")
        await session.commit()
    await until(all_finished)
    await started.stop()
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
    await processes.side_by_side("share", all_finished)
    assert Counter(jobs.lines(log)) == Counter({str(number): 1 for number in range(300)})
    assert set((await session.exec(select(Job.attempts))).all()) == {1}


async def test_a_living_worker_renews_its_leases(
    session: AsyncSession, job_of: JobOf, tmp_path: Path
) -> None:
    job = await jobs.slow.enqueue(session, str(tmp_path / "log"), 60.0)
    await session.commit()
    async with working(renewing_worker()):
        await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
        first = (await job_of(job.id)).lease_expires_at

        async def is_renewed() -> bool:
            return (await job_of(job.id)).lease_expires_at != first

        await until(is_renewed)


async def test_leases_are_renewed_when_jobs_use_all_connections(
    session: AsyncSession, tmp_path: Path
) -> None:
    await jobs.slow.enqueue(session, str(tmp_path / "log"), 60.0)
    await session.commit()
    pool = cast(QueuePool, engine.pool)
    async with working(renewing_worker()), AsyncExitStack() as held:
        await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
        while pool.checkedout() < pool.size() + pool._max_overflow:
            connection = await held.enter_async_context(engine.connect())

        async def lease() -> datetime:
            async with connection.begin():
                rows = await connection.execute(select(col(Job.lease_expires_at)))
                return cast(datetime, rows.scalar_one())

        first = await lease()

        async def is_renewed() -> bool:
            return await lease() != first

        await until(is_renewed)


def renewing_worker() -> Worker:
    """Renews after a second; a busy machine may be late by two."""
    return Worker(lease=timedelta(seconds=3), shutdown_timeout=timedelta(milliseconds=1))


async def test_a_worker_that_lost_its_lease_stops_and_changes_nothing(
    session: AsyncSession, job_of: JobOf, tmp_path: Path
) -> None:
    job = await jobs.slow.enqueue(session, str(tmp_path / "log"), 60.0)
    await session.commit()
    async with working(Worker(lease=timedelta(milliseconds=300))) as its_worker:
        await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
        await session.exec(
            update(Job).values(
                worker="another", attempts=2, lease_expires_at=utcnow() + timedelta(hours=1)
            )
        )
        await session.commit()

        await until(lambda: not its_worker._running)
    stolen = await job_of(job.id)
    assert (stolen.worker, stolen.attempts, stolen.status) == ("another", 2, JobStatus.RUNNING)
    assert jobs.lines(tmp_path / "log") == ["begun"]


async def test_sigterm_finishes_what_runs_and_claims_nothing_more(
    session: AsyncSession, tmp_path: Path
) -> None:
    await jobs.slow.enqueue(session, str(tmp_path / "log"), 0.5)
    await session.commit()
    with processes.running("work") as process:
        await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
        process.terminate()
        late = await jobs.trace.enqueue(session, str(tmp_path / "late"), "x")
        await session.commit()
        assert (await process.ended()).returncode == 0
    assert jobs.lines(tmp_path / "log") == ["begun", "finished"]
    await session.refresh(late)
    assert late.status == JobStatus.READY


async def test_sigterm_hands_back_what_takes_too_long(
    session: AsyncSession, job_of: JobOf, tmp_path: Path
) -> None:
    job = await jobs.slow.enqueue(session, str(tmp_path / "log"), 60.0)
    await session.commit()
    with processes.running("stop soon") as process:
        await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
        process.terminate()
        assert (await process.ended()).returncode == 0
    job = await job_of(job.id)
    assert (job.status, job.attempts, job.worker) == (JobStatus.READY, 0, None)


async def test_a_hanging_thread_does_not_hold_up_sigterm_nor_run_twice(
    session: AsyncSession, job_of: JobOf, tmp_path: Path
) -> None:
    job = await jobs.slow_in_a_thread.enqueue(session, str(tmp_path / "log"), 60.0)
    await session.commit()
    with processes.running("stop soon") as process:
        await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
        process.terminate()
        assert (await process.ended()).returncode == 0
    job = await job_of(job.id)
    assert job.status == JobStatus.RUNNING, "only the lease frees it: the thread may still run"
    assert job.lease_expires_at


@contextmanager
def database_away() -> Iterator[None]:
    """No statement reaches the database, as far as this process can tell."""

    def refuse(*_: object) -> None:
        raise OperationalError("connection refused", None, Exception())

    event.listen(engine.sync_engine, "before_cursor_execute", refuse)
    try:
        yield
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", refuse)


async def test_what_finished_while_the_database_was_away_does_not_run_again(
    session: AsyncSession, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    for _ in range(3):
        await jobs.slow.enqueue(session, str(log), 0.5)
    await session.commit()
    lease = timedelta(seconds=1.5)
    async with working(Worker(lease=lease)), working(Worker(lease=lease)):
        await until(lambda: jobs.lines(log).count("begun") == 3)
        with database_away():
            await asyncio.sleep(2 * lease.total_seconds())
        await until(all_finished)
    assert Counter(jobs.lines(log)) == {"begun": 3, "finished": 3}


async def test_an_unforeseen_error_does_not_end_the_worker(
    session: AsyncSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL", worker.POLL / 100)
    await jobs.trace.enqueue(session, str(tmp_path / "log"), "x")
    await session.commit()
    refusals = iter([KeyError("a bug"), ValueError("another")])

    def fail_at_first(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if "UPDATE jobs" in statement and (error := next(refusals, None)):
            raise error

    event.listen(engine.sync_engine, "before_cursor_execute", fail_at_first)
    try:
        async with working(Worker(lease=timedelta(milliseconds=300))):
            await until(all_finished)
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", fail_at_first)
    assert jobs.lines(tmp_path / "log") == ["x"]


async def test_a_claim_whose_answer_is_lost_costs_no_attempt(
    session: AsyncSession, job_of: JobOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL", worker.POLL / 100)
    job = await jobs.trace.enqueue(session, str(tmp_path / "log"), "x")
    job.max_attempts = 1
    await session.commit()
    losses = iter([OperationalError("the server has gone", None, Exception())])

    def lose_the_answer(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if processes.is_claim(statement) and (error := next(losses, None)):
            raise error

    event.listen(engine.sync_engine, "after_cursor_execute", lose_the_answer)
    try:
        async with working(Worker()):
            await until(all_finished)
    finally:
        event.remove(engine.sync_engine, "after_cursor_execute", lose_the_answer)
    done = await job_of(job.id)
    assert (done.status, done.attempts) == (JobStatus.SUCCESSFUL, 1)


@pytest.mark.parametrize(
    "moved",
    [
        {"worker": "another"},
        {"status": JobStatus.READY},
        {"started_at": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
)
async def test_an_outcome_counts_only_for_the_claim_that_it_is_of(
    session: AsyncSession, job_of: JobOf, moved: dict[str, object]
) -> None:
    job = await jobs.trace.enqueue(session, "x", "y")
    await session.commit()
    async with engine.begin() as connection:
        [claimed] = await sql.claim(connection, "me", 1, lease=timedelta(minutes=1))
    await session.exec(update(Job).values(**moved))
    await session.commit()
    async with engine.begin() as connection:
        await sql.settle(connection, "me", [Outcome(claimed, JobStatus.SUCCESSFUL)])
    assert (await job_of(job.id)).status != JobStatus.SUCCESSFUL


async def test_a_row_that_somebody_has_locked_is_still_the_workers_own(
    session: AsyncSession,
) -> None:
    await jobs.trace.enqueue(session, "x", "y")
    await session.commit()
    async with engine.begin() as connection:
        [claimed] = await sql.claim(connection, "me", 1, lease=timedelta(minutes=1))
    if engine.dialect.name == "postgresql":  # SQLite has no locks on rows
        await session.exec(select(Job).with_for_update())
    async with engine.begin() as connection:
        kept = await sql.renew(connection, "me", [claimed.id], lease=timedelta(minutes=1))
    assert kept == {claimed.id}


async def test_a_job_that_still_runs_here_is_not_claimed_again(session: AsyncSession) -> None:
    job = await jobs.trace.enqueue(session, "x", "y")
    await session.commit()
    minute = timedelta(minutes=1)
    async with engine.begin() as connection:
        assert await sql.claim(connection, "me", 1, lease=minute, but=[job.id]) == []
        assert len(await sql.claim(connection, "me", 1, lease=minute)) == 1


async def test_a_worker_that_crashes_ends_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)

    async def crash(self: Worker) -> None:
        raise RuntimeError("a bug in the loop itself")

    monkeypatch.setattr(Worker, "run", crash)
    started = engines.current()
    await started.start()
    await stopped.wait()
    asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
    await started.stop()


async def test_a_loop_that_stood_still_for_half_a_lease_is_named() -> None:
    with capture_logs() as logs:

        def is_named() -> bool:
            time.sleep(0.05)  # blocks the loop, again and again
            return any("stood still" in line["event"] for line in logs)

        async with working(Worker(lease=timedelta(milliseconds=60))):
            await until(is_named)
