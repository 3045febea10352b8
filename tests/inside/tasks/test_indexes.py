"""Only on PostgreSQL (see conftest.py): no turn of a worker takes longer than the first did."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from kit.database import engine, utcnow
from kit.tasks import Job, sql
from kit.tasks.models import JobStatus
from kit.tasks.outcomes import Outcome
from kit.tasks.worker.connection import KeptConnection
from kit.tasks.worker.version_skew import retry_misfits
from sqlalchemy import event, select, text
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.tasks import jobs


@contextmanager
def explained() -> Iterator[list[str]]:
    """The plan of each statement that is executed in this block."""
    plans: list[str] = []

    def explain(_: object, cursor: Any, statement: str, parameters: Any, *__: object) -> None:
        if not statement.startswith("SET"):
            cursor.execute(f"EXPLAIN {statement}", parameters)
            plans.append("\n".join(line for (line,) in cursor.fetchall()))

    event.listen(engine.sync_engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", explain)


async def test_jobs_that_are_known_are_found_by_their_ids(session: AsyncSession) -> None:
    ids = [(await jobs.trace.enqueue(session, "log", str(it))).id for it in range(3)]
    await session.commit()
    minute, kept = timedelta(minutes=1), KeptConnection(engine)
    with explained() as plans:
        async with kept.begin() as connection:
            assert await sql.claim(connection, "me", 3, lease=minute, but=ids) == []
            one, *others = await sql.claim(connection, "me", 3, lease=minute, ids=ids)
            ends = [Outcome(job, JobStatus.SUCCESSFUL) for job in others]
            await sql.settle(connection, "me", [*ends, Outcome(one, JobStatus.FAILED)])
            await sql.claim_and_settle(connection, "me", 3, done=[one], lease=minute, ids=ids)
    await kept.close()
    any_that_is_due, *known = plans
    assert "ix_jobs_ready" in any_that_is_due
    assert len(known) == 4
    wrong = ("ix_jobs_ready", "ix_jobs_running", "Seq Scan")
    assert [plan for plan in known if any(it in plan for it in wrong)] == []


async def test_what_another_version_did_not_know_is_looked_for_among_failed_jobs_alone(
    session: AsyncSession,
) -> None:
    with explained() as plans:
        async with engine.begin() as connection:
            await retry_misfits(connection)
    assert ["ix_jobs_failed" in plan for plan in plans] == [True]


async def test_a_misfit_that_somebody_changes_just_now_is_not_waited_for(
    session: AsyncSession,
) -> None:
    now = utcnow()
    job = Job(task=jobs.tick.name, status=JobStatus.FAILED, error="UnknownTask: …", max_attempts=1)
    job.attempts, job.created_at, job.finished_at = 1, now, now
    session.add(job)
    await session.commit()
    async with engine.begin() as somebody:
        await somebody.execute(select(col(Job.id)).with_for_update())
        async with asyncio.timeout(30), engine.begin() as connection:
            assert await retry_misfits(connection) == []
    async with engine.begin() as connection:
        assert await retry_misfits(connection) == [job.id]


async def test_dead_rows_are_few_beside_a_week_of_finished_jobs(session: AsyncSession) -> None:
    options = await session.exec(
        text("SELECT reloptions FROM pg_class WHERE relname = 'jobs'")  # type: ignore[call-overload]
    )
    assert options.scalar() == ["autovacuum_vacuum_scale_factor=0.01"]
