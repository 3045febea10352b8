"""I4, and when a tick is."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database import Session, utcnow
from app.tasks import Job, schedule, task
from app.tasks.schedule import Schedule, Scheduler, periodic, schedules
from tests.tasks.conftest import until


@task
async def tick() -> None: ...


@pytest.fixture(autouse=True)
def no_traces() -> Iterator[None]:
    before = schedules()
    yield
    schedule._schedules[:] = before


def at(hour: int, minute: int = 0, *, month: int = 6, day: int = 1) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def test_every_ticks_at_the_same_times_whenever_a_scheduler_starts() -> None:
    quarterly = Schedule(tick, every=timedelta(minutes=15), cron=None, timezone="UTC")
    assert quarterly.next_after(at(10, 7)) == at(10, 15)
    assert quarterly.next_after(at(10, 15)) == at(10, 30)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (at(0), at(1)),  # 03:00 in summer
        (at(1), at(1, day=2)),
        (at(0, month=12), at(2, month=12)),  # 03:00 in winter
        (at(3, month=3, day=28), at(1, month=3, day=29)),  # clocks go forward at 02:00
        (at(3, month=10, day=24), at(2, month=10, day=25)),  # and back at 03:00
    ],
)
def test_cron_is_read_in_its_time_zone(after: datetime, expected: datetime) -> None:
    nightly = Schedule(tick, every=None, cron="0 3 * * *", timezone="Europe/Berlin")
    assert nightly.next_after(after) == expected


def test_a_time_that_comes_twice_ticks_once() -> None:
    nightly = Schedule(tick, every=None, cron="30 2 * * *", timezone="Europe/Berlin")
    first = nightly.next_after(at(12, month=10, day=24))
    second = nightly.next_after(first)
    assert (first.day, second.day) == (25, 26)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"every": timedelta(hours=1), "cron": "0 3 * * *"},
        {"every": timedelta(milliseconds=1)},
        {"cron": "0 3 * *"},
        {"cron": "61 3 * * *"},
        {"cron": "0 0 30 2 *"},
        {"cron": "0 3 * * *", "timezone": "Mars/Olympus"},
    ],
)
def test_a_senseless_schedule_stops_the_start(arguments: dict[str, object]) -> None:
    def start() -> None:
        periodic(**arguments)(tick)  # type: ignore[arg-type]
        Scheduler()

    with pytest.raises((ValueError, LookupError)):
        start()


def test_the_shipped_schedules_are_found() -> None:
    names = {found.task.name for found in schedules()}
    assert "app.tasks.tasks.prune_finished_jobs" in names


async def test_each_tick_becomes_one_job_however_many_schedulers_run(
    session: AsyncSession,
) -> None:
    every_second = Schedule(tick, every=timedelta(seconds=1), cron=None, timezone="UTC")
    schedulers = [Scheduler([every_second]) for _ in range(3)]
    running = [asyncio.create_task(scheduler.run()) for scheduler in schedulers]

    async def three_ticks() -> bool:
        async with Session() as session:
            return (await session.exec(select(func.count()).select_from(Job))).one() >= 3

    await until(three_ticks)
    for scheduler in schedulers:
        scheduler.stop()
    await asyncio.gather(*running)
    keys = sorted(key or "" for key in (await session.exec(select(Job.key))).all())
    seconds = [datetime.fromisoformat(key.split()[1]).timestamp() for key in keys]
    assert seconds == [seconds[0] + number for number in range(len(keys))]


async def test_finished_jobs_are_pruned(session: AsyncSession) -> None:
    from app.tasks.tasks import prune_finished_jobs

    ages = {"old": 8, "new": 6}
    for name, days in ages.items():
        finished = utcnow() - timedelta(days=days)
        session.add(Job(task=name, max_attempts=1, status="successful", finished_at=finished))
    session.add(Job(task="failed", max_attempts=1, status="failed", finished_at=utcnow()))
    await session.commit()
    await prune_finished_jobs()
    assert set((await session.exec(select(Job.task).order_by(col(Job.task)))).all()) == {
        "new",
        "failed",
    }
    with time_machine.travel(utcnow() + timedelta(days=31)):
        await prune_finished_jobs()
    assert (await session.exec(select(Job))).all() == []
