"""Work at a time: `@periodic` over a task.

    @periodic(cron="0 3 * * *", timezone="Europe/Berlin")
    @task
    async def send_digest() -> None: ...

Any number of schedulers may run. Each knows every tick, and the job of a tick has a key that is
unique in the table. So each tick runs once, without a lock or a leader.

Ticks that came while no scheduler ran are skipped, except the last one if it is not older than
CATCH_UP. So a restart at 03:00 does not lose the night's work, and an installation that returns
after a week does not start with a week of it.
"""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import cached_property
from signal import SIGTERM
from typing import Any, Self

from sqlalchemy.exc import IntegrityError

from kit.database import Session, utcnow
from kit.discovery import modules
from kit.logging import configure_logging, get_logger, summary
from kit.tasks import engines
from kit.tasks.cron import cron_trigger
from kit.tasks.definition import Task
from kit.tasks.worker.sweep import Sweeper

log = get_logger(__name__)

CATCH_UP = timedelta(hours=1)
PAUSE = timedelta(seconds=1)
"""Between the death of a scheduler and the next: it may be a setting that it can't do with."""
NAP = timedelta(seconds=30)
"""The longest sleep: after it the clock is read again, in case it was set."""


@dataclass(frozen=True)
class Schedule:
    """When a task is due. Exactly one of `every` and `cron` is given."""

    task: Task[[], Any]
    every: timedelta | None
    cron: str | None
    timezone: str

    def next_after(self, time: datetime) -> datetime:
        """The first tick after `time`, the same for every scheduler: UTC, to the second."""
        if self.every:
            seconds = self.every.total_seconds()
            return datetime.fromtimestamp((time.timestamp() // seconds + 1) * seconds, UTC)
        tick = self._next_of_cron(time)
        while tick.fold and "*" not in self._hours:
            tick = self._next_of_cron(tick.astimezone(UTC))
        return tick.astimezone(UTC)

    def checked(self) -> Self:
        """This schedule; raises ValueError, naming the task, if it never ticks."""
        try:
            if self.next_after(utcnow()).year == MAXYEAR:
                raise ValueError(f"{self.cron!r} never comes")
        except (ValueError, LookupError) as error:  # an unknown time zone is the latter
            raise ValueError(f"{self.task.name}: {error}") from None
        return self

    def first_for(self, time: datetime) -> datetime:
        """Where a scheduler that starts at `time` begins: see the module's docstring."""
        tick = self.next_after(time - CATCH_UP)
        while tick <= time and (later := self.next_after(tick)) <= time:
            tick = later
        return tick

    def _next_of_cron(self, time: datetime) -> datetime:
        tick: datetime | None
        tick = self._trigger.get_next_fire_time(None, time + timedelta(microseconds=1))
        return tick or datetime.max.replace(tzinfo=UTC)

    @property
    def _hours(self) -> str:
        return (self.cron or "").split()[1]

    @cached_property
    def _trigger(self) -> Any:
        return cron_trigger(self.cron or "", self.timezone)

    def __str__(self) -> str:
        if self.every:
            return f"every {self.every}"
        return f"{self.cron} ({self.timezone})"


_schedules: list[Schedule] = []


def periodic(
    *, every: timedelta | None = None, cron: str | None = None, timezone: str = "UTC"
) -> Callable[[Task[[], Any]], Task[[], Any]]:
    """Run a task without arguments again and again: see the module's docstring.

    every: at least a second; ticks are multiples of it since 1970, whenever a server started.
    cron: five fields as in crontab(5), read in `timezone`. A time that the clock skips in spring
        comes an hour later; one that comes twice in autumn ticks once, unless the line says
        every hour.
    Raises ValueError or TypeError; a senseless cron line or time zone stops the start of the
    scheduler.
    """
    if (every is None) is (cron is None):
        raise ValueError("periodic: give either every or cron")
    if every is not None and not isinstance(every, timedelta):
        raise TypeError("periodic: every must be a timedelta")
    if every is not None and every < timedelta(seconds=1):
        raise ValueError("periodic: every must be a second at least")

    def register(task: Task[[], Any]) -> Task[[], Any]:
        if not isinstance(task, Task):
            raise TypeError(f"periodic: belongs above @task, over {task.__name__}")
        if needed := task.required_arguments:
            raise TypeError(f"{task.name}: periodic has nothing to give for {', '.join(needed)}")
        _schedules.append(Schedule(task, every, cron, timezone))
        return task

    return register


def schedules() -> list[Schedule]:
    """What every slice's `tasks` module declares."""
    list(modules("tasks"))
    return list(_schedules)


class Scheduler:
    """Enqueues each tick's job when its time has come, and sweeps (see sweep.py)."""

    def __init__(self, declared: list[Schedule] | None = None) -> None:
        found = schedules() if declared is None else declared
        self._due = {schedule: schedule.checked().first_for(utcnow()) for schedule in found}
        self._sweeper = Sweeper()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """`run` returns soon."""
        self._stopping.set()
        self._sweeper.stop()

    async def run(self) -> None:
        """Schedule and sweep until `stop`."""
        log.info("scheduler started", pid=os.getpid(), schedules=len(self._due))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweeper.run())
            group.create_task(self._tick())
        log.info("scheduler stopped")

    async def _tick(self) -> None:
        while not self._stopping.is_set():
            await self.turn()
            await self._sleep_until(min(self._due.values(), default=utcnow() + NAP))

    async def turn(self) -> None:
        """Enqueue what is due by the clock as it is now, in case it was set."""
        for schedule, due in self._due.items():
            tick = min(due, schedule.next_after(utcnow()))
            if tick <= utcnow() and (latest := schedule.first_for(utcnow())) <= utcnow():
                tick = latest
            if tick <= utcnow() and await self._enqueue(schedule, tick):
                tick = schedule.next_after(utcnow())
            self._due[schedule] = tick

    async def _enqueue(self, schedule: Schedule, tick: datetime) -> bool:
        """Make the job of a tick, unless another scheduler did; False if the database is away."""
        try:
            async with Session() as db:
                job = await schedule.task.enqueue(db)
                job.key = f"{schedule.task.name} {tick.isoformat()}"
                await db.commit()
        except IntegrityError:
            log.debug("another scheduler was first", task=schedule.task.name)
        except Exception as error:  # most likely the database is away; whatever it is, go on
            task = schedule.task.name
            log.error("could not enqueue a tick; trying again", task=task, error=summary(error))
            return False
        return True

    async def _sleep_until(self, time: datetime) -> None:
        seconds = min(max((time - utcnow()).total_seconds(), 1), NAP.total_seconds())
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def keep_scheduler() -> None:
    """Run a scheduler in a process of its own, and another one when it dies; for a thread.

    It ends when this process does. One that was told to stop is not begun anew.
    """
    from multiprocessing import get_context

    while True:
        process = get_context("spawn").Process(target=run_scheduler, name="scheduler", daemon=True)
        process.start()
        process.join()
        if process.exitcode in (0, -SIGTERM):  # the second: before it could listen
            return
        log.error("the scheduler has died; beginning another one", exitcode=process.exitcode)
        time.sleep(PAUSE.total_seconds())


def run_scheduler() -> None:
    """Schedule in this process until SIGTERM or SIGINT, or until the process that began it ends."""
    from multiprocessing import parent_process

    async def run() -> None:
        scheduler = Scheduler()
        engines.on_sigterm(scheduler.stop)
        if parent := parent_process():
            asyncio.get_running_loop().add_reader(parent.sentinel, scheduler.stop)
        await scheduler.run()

    configure_logging()
    asyncio.run(run())
