"""Repairs what was lost: leases of dead workers, answers and messages that never arrived, jobs that
met a worker of another version.

Every scheduler and every worker sweeps; any number may.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, case, extract, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import SQLModel, col

from kit.database import engine, utcnow
from kit.logging import get_logger
from kit.settings import settings
from kit.tasks import clock, engines
from kit.tasks.announcements import JobRef
from kit.tasks.models import WORKER_DIED, Job, JobStatus
from kit.tasks.statements import READY, RUNNING, is_among
from kit.tasks.threads import in_thread
from kit.tasks.worker.version_skew import retry_misfits

log = get_logger(__name__)

TURN = timedelta(seconds=1)
STEP = timedelta(seconds=1)
"""Clocks that are only adjusted move less from turn to turn."""
BATCH = 1000
"""Announcements a turn, so that a broker that comes back is not flooded."""
LONGEST_SILENCE = timedelta(hours=1)

_jobs = SQLModel.metadata.tables["jobs"]
_heard, _due = _jobs.c.announced_at, _jobs.c.run_after
_waited_long = (_heard < bindparam("b_grace")) & or_(
    _heard < bindparam("b_silence"),
    bindparam("b_seconds") - extract("epoch", _heard)
    >= extract("epoch", _heard) - extract("epoch", _due),
)
_UNHEARD = (
    select(_jobs.c.id)
    .where(
        _jobs.c.status == READY,
        _due <= bindparam("b_now"),
        or_(_heard.is_(None), _heard < _due, _waited_long),
    )
    .order_by(_jobs.c.rank, _due)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_ANNOUNCE = (
    update(_jobs)
    .where(is_among(_UNHEARD))
    .values(announced_at=bindparam("b_now"))
    .returning(_jobs.c.id, _jobs.c.task, _jobs.c.queue, _jobs.c.rank, _jobs.c.run_after)
)


class Sweeper:
    """Sweeps once a turn until it is stopped."""

    def __init__(
        self,
        *,
        lease: timedelta = settings.tasks_lease,
        grace: timedelta = settings.tasks_republish_after,
        pause: timedelta = TURN,
    ) -> None:
        self._patience = lease.total_seconds() / 2
        self._grace = grace
        self._pause = pause
        self._answering_since: float | None = None
        self._clock_ahead: float | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """`run` returns soon."""
        self._stopping.set()

    async def run(self) -> None:
        """Sweep until `stop`."""
        while not self._stopping.is_set():
            await self.turn()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause.total_seconds()):
                    await self._stopping.wait()

    async def turn(self) -> int:
        """Free the jobs of dead workers, announce what is due, retry what old workers did not know.
        Return how many were freed.

        After a start, an outage of the database or a step of the clock, nothing is freed for half
        a lease: living workers renew theirs every third of one, and need that time.
        """
        loop = asyncio.get_running_loop()
        freed, due = [], []
        try:
            async with engine.begin() as connection:
                time = await clock.now(connection)
                if self._clock_was_set(time.timestamp() - loop.time()):
                    self._answering_since = None
                since = self._answering_since
                if since is not None and loop.time() - since > self._patience:
                    freed = await free_leases(connection, time)
                news = engines.current().brokered and await is_any_due(connection, self._grace)
            if news and await _broker_answers():
                async with engine.begin() as connection:
                    due = await announce_due(connection, grace=self._grace)
            if due:
                engines.current().committed(due)
        except Exception as error:  # most likely the database is away; whatever it is, go on
            self._answering_since = None
            log.error("could not sweep; trying again", error=type(error).__name__)
            return 0
        if self._answering_since is None:
            self._answering_since = loop.time()
        for id_, status in freed:
            log.warning("freed a job of a dead worker", job_id=str(id_), status=status)
        await self._retry_misfits()
        return len(freed)

    async def _retry_misfits(self) -> None:
        """In a separate transaction: an error in an old job must not undo the rest of the turn."""
        try:
            async with engine.begin() as connection:
                retried = await retry_misfits(connection)
        except Exception as error:
            log.error("could not look for misfits; trying again", error=type(error).__name__)
            return
        if retried:
            log.warning("retrying jobs that another version did not know", jobs=len(retried))

    def _clock_was_set(self, ahead: float) -> bool:
        """ahead: how far this clock is ahead of the monotonic one, in seconds."""
        before, self._clock_ahead = self._clock_ahead, ahead
        return before is not None and abs(ahead - before) > STEP.total_seconds()


async def free_leases(connection: AsyncConnection, time: datetime) -> list[tuple[UUID, JobStatus]]:
    """Free the jobs of workers that have died by `time`; those out of attempts have failed."""
    now = utcnow()
    orphans = (
        select(col(Job.id))
        .where(col(Job.status) == RUNNING, col(Job.lease_expires_at) < time)
        .with_for_update(skip_locked=True)
    )
    spent = col(Job.attempts) >= col(Job.max_attempts)
    statement = (
        update(Job)
        .where(col(Job.id).in_(orphans))
        .values(
            status=case((spent, JobStatus.FAILED.value), else_=JobStatus.READY.value),
            finished_at=case((spent, now), else_=None),
            run_after=now,
            error=WORKER_DIED + func.coalesce(col(Job.worker), ""),
            worker=None,
            lease_expires_at=None,
        )
        .returning(col(Job.id), col(Job.status))
    )
    return [(row.id, JobStatus(row.status)) for row in await connection.execute(statement)]


async def hand_back_unheard(
    connection: AsyncConnection, worker: str, known: Collection[UUID]
) -> None:
    """Make ready what this worker has claimed without knowing it, because the answer was lost.

    None of it has begun, so the attempt does not count.
    """
    statement = (
        update(Job)
        .where(
            col(Job.status) == RUNNING, col(Job.worker) == worker, col(Job.id).not_in(list(known))
        )
        .values(
            status=JobStatus.READY.value,
            attempts=col(Job.attempts) - 1,
            worker=None,
            lease_expires_at=None,
        )
    )
    await connection.execute(statement)


async def _broker_answers() -> bool:
    """Ask first: a job that counts as announced is not announced again for a long time."""
    try:
        await in_thread(engines.current().ping)
    except Exception as error:  # whatever the broker's client raises
        log.debug("the broker does not answer", error=type(error).__name__)
        return False
    return True


async def is_any_due(connection: AsyncConnection, grace: timedelta) -> bool:
    """Whether `announce_due` would find something."""
    found = await connection.execute(_UNHEARD.limit(1), _times(grace))
    return found.first() is not None


async def announce_due(connection: AsyncConnection, *, grace: timedelta) -> list[JobRef]:
    """Mark as announced, and return, the due jobs that the broker has to be told of (again).

    Those that were not announced since they became due, and those that have waited for `grace`
    since they were. From then on the interval doubles, up to an hour: behind a long backlog jobs
    wait although the broker knows them, and each message makes its queue longer.
    """
    rows = await connection.execute(_ANNOUNCE, _times(grace))
    return [JobRef(row.id, row.task, row.queue, -row.rank, row.run_after) for row in rows]


def _times(grace: timedelta) -> dict[str, object]:
    time = utcnow()
    return {
        "b_now": time,
        "b_seconds": time.timestamp(),
        "b_grace": time - grace,
        "b_silence": time - max(grace, LONGEST_SILENCE),
    }
