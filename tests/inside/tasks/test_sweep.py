"""The sweep announces again what the broker has lost, and frees what a dead worker held."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from uuid import UUID

import pytest
import time_machine
from kit.database import engine, utcnow
from kit.tasks import Job, JobStatus, clock, engines, sql
from kit.tasks.adapters import inprocess
from kit.tasks.announcements import JobRef
from kit.tasks.outcomes import Outcome
from kit.tasks.service import announce_jobs, retry_job
from kit.tasks.worker.sweep import Sweeper, announce_due
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.tasks.jobs import trace

GRACE = timedelta(seconds=60)
MINUTE = timedelta(minutes=1)


async def announced(after: timedelta = timedelta(0)) -> list[UUID]:
    """What a sweep announces that comes so much later than now."""
    with time_machine.travel(utcnow() + after, tick=False):
        async with engine.begin() as connection:
            return [job.id for job in await announce_due(connection, grace=GRACE)]


async def test_what_was_told_at_commit_is_not_told_again(session: AsyncSession) -> None:
    await trace.enqueue(session, "x", "y")
    await session.commit()
    assert await announced() == []


async def test_what_nobody_picked_up_is_told_again_after_the_grace(session: AsyncSession) -> None:
    job = await trace.using(queue="mail", priority=5).enqueue(session, "x", "y")
    await session.commit()
    with time_machine.travel(utcnow() + GRACE + MINUTE):
        async with engine.begin() as connection:
            [ref] = await announce_due(connection, grace=GRACE)
    assert ref == JobRef(job.id, job.task, "mail", 5, job.run_after)


async def test_each_silence_is_twice_as_long_up_to_an_hour(session: AsyncSession) -> None:
    await trace.enqueue(session, "x", "y")
    await session.commit()
    seconds = [s for s in range(0, 12_000, 40) if await announced(timedelta(seconds=s))]
    gaps = [b - a for a, b in zip([0, *seconds], seconds, strict=False)]
    assert gaps[0] == pytest.approx(60, abs=80)
    for gap, before in zip(gaps[1:], seconds, strict=False):
        assert gap == pytest.approx(min(before, 3600), abs=80)


async def test_what_is_due_later_is_told_when_it_is_due(session: AsyncSession) -> None:
    job = await trace.using(run_after=MINUTE).enqueue(session, "x", "y")
    await session.commit()
    assert await announced() == []
    assert await announced(MINUTE) == [job.id]
    assert await announced(MINUTE) == []


async def test_a_retry_is_told_when_its_time_has_come(session: AsyncSession) -> None:
    job = await trace.enqueue(session, "x", "y")
    await session.commit()
    async with engine.begin() as connection:
        [claimed] = await sql.claim(connection, "me", 1, lease=MINUTE)
        again = Outcome(claimed, JobStatus.READY, "not yet", timedelta(seconds=5))
        assert await announce_due(connection, grace=timedelta(0)) == [], "it runs"
        await sql.settle(connection, "me", [again])
    assert await announced() == []
    assert await announced(timedelta(seconds=6)) == [job.id]


async def test_what_is_retried_by_hand_is_told_at_once(session: AsyncSession) -> None:
    job = await trace.enqueue(session, "x", "y")
    await session.commit()
    await retry_job(session, job.id)
    await session.commit()
    assert await announced() == [job.id]


async def test_whoever_knows_that_the_broker_forgot_can_have_all_that_is_due_told_at_once(
    session: AsyncSession,
) -> None:
    long_ago = utcnow() - timedelta(hours=2)
    old = await trace.using(run_after=long_ago).enqueue(session, "x", "y")
    await trace.using(run_after=timedelta(hours=1)).enqueue(session, "not", "yet")
    await session.commit()
    old.announced_at = utcnow()
    await session.commit()
    assert await announced(timedelta(minutes=59)) == []
    assert await announce_jobs(session) == 1
    await session.commit()
    assert await announced() == [old.id]


class Broker(inprocess.Engine):
    """An engine that is told of jobs and keeps what it heard."""

    brokered = True

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[UUID] = []
        self.away = False

    def ping(self) -> None:
        if self.away:
            raise ConnectionError

    def committed(self, jobs: Sequence[JobRef]) -> None:
        self.heard += [job.id for job in jobs]


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(engines, "current", cache(lambda: broker))
    return broker


async def test_a_freed_job_is_announced_in_the_same_turn(
    session: AsyncSession, broker: Broker
) -> None:
    job = await trace.enqueue(session, "x", "y")
    await session.commit()
    async with engine.begin() as connection:
        await sql.claim(connection, "dead", 1, lease=timedelta(seconds=-1))
    broker.heard.clear()

    sweeper = Sweeper(lease=timedelta(0))
    assert await sweeper.turn() == 0, "workers get the time to renew their leases first"
    assert await sweeper.turn() == 1
    assert broker.heard == [job.id]
    assert (await session.exec(select(Job.status))).one() == JobStatus.READY


async def test_what_a_broker_that_is_away_missed_is_told_as_soon_as_it_is_back(
    session: AsyncSession, broker: Broker
) -> None:
    job = await trace.enqueue(session, "x", "y")
    await session.commit()
    broker.heard.clear()
    with time_machine.travel(utcnow() + 2 * GRACE):
        broker.away = True
        await Sweeper().turn()
        assert broker.heard == []
        broker.away = False
        await Sweeper().turn()
        assert broker.heard == [job.id]


@contextmanager
def clock_set_forward(by: timedelta) -> Iterator[None]:
    """Moves the clock that leases go by: this machine's, or PostgreSQL's."""
    with time_machine.travel(utcnow() + by), pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "TIME", clock.TIME + by)
        yield


async def test_a_clock_that_steps_frees_nothing_before_leases_are_renewed(
    session: AsyncSession,
) -> None:
    await trace.enqueue(session, "x", "y")
    await session.commit()
    async with engine.begin() as connection:
        await sql.claim(connection, "alive", 1, lease=MINUTE)
    sweeper = Sweeper(lease=timedelta(0))
    await sweeper.turn()
    with clock_set_forward(2 * MINUTE):
        assert await sweeper.turn() == 0
        assert await sweeper.turn() == 1, "but it is dead if it has not done so"


async def test_an_engine_without_a_broker_is_told_nothing(
    session: AsyncSession, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Broker, "brokered", False)
    await trace.using(run_after=utcnow()).enqueue(session, "x", "y")
    await session.commit()
    broker.heard.clear()
    with time_machine.travel(utcnow() + 2 * GRACE):
        await Sweeper().turn()
    assert broker.heard == []
