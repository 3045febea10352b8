"""Machines whose clocks disagree share one PostgreSQL."""

from datetime import timedelta

import pytest
import time_machine
from kit.database import engine, utcnow
from kit.tasks import Job, sql
from kit.tasks.worker.sweep import Sweeper
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.tasks.jobs import trace

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
async def job(session: AsyncSession) -> Job:
    job = await trace.using(run_after=utcnow() - 2 * HOUR).enqueue(session, "x", "y")
    await session.commit()
    return job


@pytest.fixture
async def sweeper() -> Sweeper:
    """One that frees at once, where the time is right."""
    sweeper = Sweeper(lease=timedelta(0))
    await sweeper.turn()
    return sweeper


SKEWS = pytest.mark.parametrize("skew", [-HOUR, HOUR], ids=["behind", "ahead"])


@SKEWS
async def test_a_living_worker_keeps_its_job_whatever_its_clock_says(
    job: Job, sweeper: Sweeper, skew: timedelta
) -> None:
    with time_machine.travel(utcnow() + skew):
        async with engine.begin() as connection:
            assert len(await sql.claim(connection, "me", 1, lease=MINUTE)) == 1
    assert await sweeper.turn() == 0
    with time_machine.travel(utcnow() + skew):
        async with engine.begin() as connection:
            await sql.renew(connection, "me", [job.id], lease=MINUTE)
    assert await sweeper.turn() == 0


@SKEWS
async def test_a_sweep_frees_no_living_job_whatever_its_clock_says(
    job: Job, skew: timedelta
) -> None:
    async with engine.begin() as connection:
        await sql.claim(connection, "me", 1, lease=MINUTE)
    with time_machine.travel(utcnow() + skew):
        sweeper = Sweeper(lease=timedelta(0))
        assert [await sweeper.turn() for _ in range(2)] == [0, 0]


@SKEWS
async def test_the_job_of_a_dead_worker_is_freed_whatever_its_clock_said(
    job: Job, sweeper: Sweeper, skew: timedelta
) -> None:
    with time_machine.travel(utcnow() + skew):
        async with engine.begin() as connection:
            await sql.claim(connection, "dead", 1, lease=timedelta(seconds=-1))
    assert await sweeper.turn() == 1
