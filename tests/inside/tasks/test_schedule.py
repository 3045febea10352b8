"""A tick runs once, however many schedulers there are; and when ticks are."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from kit.database import engine, utcnow
from kit.tasks import Job, schedule, service
from kit.tasks.schedule import Schedule, Scheduler, periodic, schedules
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.tasks import processes
from inside.tasks.jobs import retrying, tick


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
    ("weekdays", "expected"),
    [
        ("0", "Sun"),
        ("7", "Sun"),
        ("1", "Mon"),
        ("6", "Sat"),
        ("1-5", "Mon Tue Wed Thu Fri"),
        ("5-7", "Fri Sat Sun"),
        ("6,0", "Sat Sun"),
        ("*/2", "Tue Thu Sat Sun"),
        ("1-5/2", "Mon Wed Fri"),
        ("3/2", "Wed Fri"),
        ("mon", "Mon"),
        ("MON-Fri", "Mon Tue Wed Thu Fri"),
        ("sun-tue", "Mon Tue Sun"),
        ("fri-sun", "Fri Sat Sun"),
        ("*", "Mon Tue Wed Thu Fri Sat Sun"),
    ],
)
def test_cron_counts_weekdays_from_sunday(weekdays: str, expected: str) -> None:
    weekly = Schedule(tick, every=None, cron=f"0 8 * * {weekdays}", timezone="Asia/Tokyo")
    monday, ticks = datetime(2026, 6, 1, tzinfo=ZoneInfo("Asia/Tokyo")), []
    time = weekly.next_after(monday)
    while time < monday + timedelta(days=7):
        ticks.append(time.astimezone(monday.tzinfo))
        time = weekly.next_after(time)
    assert " ".join(f"{each:%a}" for each in ticks) == expected
    assert {each.hour for each in ticks} == {8}


def test_a_day_of_the_month_and_a_weekday_mean_either() -> None:
    either = Schedule(tick, every=None, cron="0 8 3 * fri", timezone="UTC")
    assert either.next_after(at(0, day=1)) == at(8, day=3)  # a Wednesday
    assert either.next_after(at(9, day=3)) == at(8, day=5)  # a Friday


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "either every or cron"),
        ({"every": timedelta(hours=1), "cron": "0 3 * * *"}, "either every or cron"),
        ({"every": timedelta(milliseconds=1)}, "a second at least"),
        ({"every": timedelta(0)}, "a second at least"),
        ({"every": 60}, "every must be a timedelta"),
        ({"cron": "0 3 * *"}, r"jobs\.tick: '0 3 \* \*' needs five fields"),
        ({"cron": "61 3 * * *"}, r"jobs\.tick: .*61"),
        ({"cron": "0 0 30 2 *"}, r"jobs\.tick: .* never comes"),
        ({"cron": "0 3 * * 8"}, r"jobs\.tick: '8' is no weekday"),
        ({"cron": "0 3 * * someday"}, r"jobs\.tick: 'someday' is no weekday"),
        ({"cron": "0 3 * * 1-"}, r"jobs\.tick: '1-' is no weekday"),
        ({"cron": "0 3 * * fri-tue"}, r"jobs\.tick: 'fri-tue' ends before it begins"),
        ({"cron": "0 3 * * */0"}, r"jobs\.tick: "),
        ({"cron": "0 3 * * *", "timezone": "Mars/Olympus"}, r"jobs\.tick: .*Mars"),
    ],
)
def test_a_senseless_schedule_stops_the_start(arguments: dict[str, object], problem: str) -> None:
    def start() -> None:
        periodic(**arguments)(tick)  # type: ignore[arg-type]
        Scheduler()

    with pytest.raises((ValueError, TypeError), match=problem):
        start()


def test_periodic_takes_only_tasks_that_need_nothing() -> None:
    with pytest.raises(TypeError, match="above @task, over at"):
        periodic(every=timedelta(hours=1))(at)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="retrying: periodic has nothing to give for seconds"):
        periodic(every=timedelta(hours=1))(retrying)  # type: ignore[arg-type]


def test_the_shipped_schedules_are_found() -> None:
    names = {found.task.name for found in schedules()}
    assert "kit.tasks.tasks.prune_finished_jobs" in names


async def ticks(session: AsyncSession) -> list[datetime]:
    keys = (await session.exec(select(Job.key).order_by(col(Job.key)))).all()
    await session.rollback()
    return [datetime.fromisoformat((key or "").split()[1]) for key in keys]


async def test_each_tick_becomes_one_job_however_many_schedulers_run(
    session: AsyncSession,
) -> None:
    async def enough() -> bool:
        return len(await ticks(session)) >= 3

    await processes.side_by_side("schedule", enough)
    made = await ticks(session)
    assert len(made) == len(set(made))


NIGHTLY = Schedule(tick, every=None, cron="0 3 * * *", timezone="UTC")


async def scheduled(*times: datetime, schedule: Schedule = NIGHTLY) -> Scheduler:
    """A scheduler that was started at the first of these times, and woke up at the others."""
    with time_machine.travel(times[0], tick=False):
        scheduler = Scheduler([schedule])
    for time in times:
        with time_machine.travel(time, tick=False):
            await scheduler.turn()
    return scheduler


async def test_a_tick_during_a_restart_is_made_up_for(session: AsyncSession) -> None:
    await scheduled(at(3, 59))
    assert await ticks(session) == [at(3)]


async def test_a_tick_that_was_missed_long_ago_is_skipped(session: AsyncSession) -> None:
    await scheduled(at(4, 1))
    assert await ticks(session) == []


async def test_of_many_missed_ticks_the_last_is_made_up_for(session: AsyncSession) -> None:
    quarterly = Schedule(tick, every=timedelta(minutes=15), cron=None, timezone="UTC")
    await scheduled(at(10, 7), schedule=quarterly)
    assert await ticks(session) == [at(10)]


async def test_a_tick_that_ran_does_not_run_again_after_a_restart(session: AsyncSession) -> None:
    await scheduled(at(2), at(3), at(3, 1))
    await scheduled(at(3, 2))
    assert await ticks(session) == [at(3)]


async def test_a_clock_that_is_set_forward_makes_up_for_one_tick(session: AsyncSession) -> None:
    await scheduled(at(2), at(12, day=5), at(12, 1, day=5), at(3, day=6))
    assert await ticks(session) == [at(3), at(3, day=6)]


async def test_a_clock_that_is_set_back_delays_nothing(session: AsyncSession) -> None:
    await scheduled(at(2, month=9), at(2), at(3))
    assert await ticks(session) == [at(3)]


async def test_a_clock_that_is_set_back_runs_no_tick_twice(session: AsyncSession) -> None:
    await scheduled(at(2), at(3), at(2, 50), at(3))
    assert await ticks(session) == [at(3)]


async def test_of_many_ticks_missed_while_asleep_the_last_is_made_up_for(
    session: AsyncSession,
) -> None:
    quarterly = Schedule(tick, every=timedelta(minutes=15), cron=None, timezone="UTC")
    await scheduled(at(7, 59), at(10, 7), at(10, 14), schedule=quarterly)
    assert await ticks(session) == [at(7, 45), at(10)]


async def test_a_tick_while_the_database_is_away_is_made_up_for(
    session: AsyncSession,
) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("connection refused", None, Exception())

    event.listen(engine.sync_engine, "before_cursor_execute", refuse)
    try:
        scheduler = await scheduled(at(2), at(3))
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", refuse)
    with time_machine.travel(at(9), tick=False):
        await scheduler.turn()
    assert await ticks(session) == [at(3)]


def test_an_hourly_line_ticks_in_both_of_the_hours_that_come_twice() -> None:
    hourly = Schedule(tick, every=None, cron="0 * * * *", timezone="Europe/Berlin")
    time, made = at(23, 30, month=10, day=24), []
    for _ in range(3):
        time = hourly.next_after(time)
        made.append(time)
    assert made == [at(hour, month=10, day=25) for hour in (0, 1, 2)]


def test_a_time_that_the_clock_skips_comes_an_hour_later() -> None:
    nightly = Schedule(tick, every=None, cron="30 2 * * *", timezone="Europe/Berlin")
    assert nightly.next_after(at(12, month=3, day=28)) == at(1, 30, month=3, day=29)


async def test_finished_jobs_are_pruned(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kit.tasks.tasks import prune_finished_jobs

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
    monkeypatch.setattr(service, "PRUNE_BATCH", 1)
    with time_machine.travel(utcnow() + timedelta(days=31)):
        await prune_finished_jobs()
    assert (await session.exec(select(Job))).all() == []
