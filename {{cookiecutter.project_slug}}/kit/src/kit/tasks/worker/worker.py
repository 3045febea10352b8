"""The in-process worker: claims jobs, runs several at once, writes down what became of them.

Any number may work on one table, in one process or on many machines.
"""

import asyncio
import os
import socket
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from secrets import token_hex
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from kit.database import engine, utcnow
from kit.logging import get_logger, summary
from kit.settings import settings
from kit.tasks import sql
from kit.tasks.definition import get_task
from kit.tasks.models import JobStatus
from kit.tasks.outcomes import ClaimedJob, Outcome
from kit.tasks.worker.connection import KeptConnection
from kit.tasks.worker.runner import run
from kit.tasks.worker.sweep import Sweeper, hand_back_unheard

log = get_logger(__name__)

POLL = timedelta(seconds=1)
"""How often an idle worker looks for what other processes committed."""
CLEAN_UP = timedelta(seconds=5)
"""How long a job that is cancelled at shutdown may take to clean up."""
SHORTEST_WAIT = timedelta(milliseconds=50)
"""Before asking again for a job that is due and that another has locked."""

ONE_STATEMENT = engine.dialect.name == "postgresql"
"""Whether a turn may be one statement without BEGIN and COMMIT: a quarter of the round trips."""


class Worker:
    """One loop, one transaction a turn: what is done is written down, what is due is claimed.

    With `poll` it looks for jobs by itself. Without, it runs those that are submitted, as many
    at once as there are: whoever submits them (a broker's consumer) keeps the bounds.
    """

    def __init__(
        self,
        *,
        poll: bool = True,
        concurrency: int = settings.tasks_concurrency,
        lease: timedelta = settings.tasks_lease,
        shutdown_timeout: timedelta = settings.shutdown_timeout,
    ) -> None:
        self.id = f"{socket.gethostname()[:60]}:{os.getpid()}:{token_hex(4)}"
        self.poll = poll
        self.concurrency = concurrency
        self.lease = lease
        self.shutdown_timeout = shutdown_timeout
        self._wake = asyncio.Event()
        self._stopping = False
        self._running: dict[asyncio.Task[Outcome], ClaimedJob] = {}
        self._outcomes: list[Outcome] = []
        self._submitted: dict[UUID, asyncio.Future[None]] = {}
        self._sweeper = Sweeper(lease=lease, pause=lease / 3)
        self._connection = KeptConnection(engine)
        self._heartbeat = KeptConnection(engine)
        self._autocommit = KeptConnection(engine.execution_options(isolation_level="AUTOCOMMIT"))

    def wake(self) -> None:
        """There may be new jobs. Called on the event loop."""
        self._wake.set()

    async def submit(self, job_id: UUID) -> None:
        """Run this job here, if it is due and nobody else has it.

        Returns when it is settled; at once if there is nothing to do, as when a message came
        twice and the first one waits here, or if the worker stops.
        """
        if self._stopping or job_id in self._submitted:
            return
        settled = self._submitted[job_id] = asyncio.get_running_loop().create_future()
        self._wake.set()
        await asyncio.shield(settled)

    def stop(self) -> None:
        """Claim nothing more; `run` returns once what runs is finished or handed back."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Work until `stop`."""
        log.info("worker started", worker=self.id, concurrency=self.concurrency)
        upkeep = [asyncio.create_task(it) for it in (self._keep_leases(), self._sweeper.run())]
        try:
            while not self._stopping:
                await self._sleep(await self._turn())
            await self._finish()
        finally:
            for task in upkeep:
                task.cancel()
            await asyncio.wait(upkeep, timeout=CLEAN_UP.total_seconds())
            self._stopping = True
            self._answer(self._submitted)
            for kept in (self._connection, self._autocommit, self._heartbeat):
                await kept.close()
        log.info("worker stopped", worker=self.id)

    async def _turn(self) -> timedelta:
        """Settle, claim and start; return how long there is nothing more to do."""
        self._wake.clear()
        outcomes, ids = self._outcomes[:], self._wanted()
        free = self.concurrency - len(self._running) if ids is None else len(ids)
        free = 0 if self._stopping else free
        if not outcomes and not free:
            return POLL
        plain = all(outcome.is_plain and not outcome.rows for outcome in outcomes)
        at_once = ONE_STATEMENT and free > 0 and plain
        kept = self._autocommit if at_once else self._connection
        due = None
        claimed: list[ClaimedJob] = []
        try:
            async with kept.begin() as connection:
                if kept.is_new:  # the one before may have ended while it answered a claim
                    await hand_back_unheard(connection, self.id, self._mine())
                done = [outcome.job for outcome in outcomes] if at_once else []
                if outcomes and not done:
                    await sql.settle(connection, self.id, outcomes)
                if free:
                    claimed = await self._claim(connection, free, ids, outcomes, done)
                if ids is None and len(claimed) < free:
                    due = await sql.next_due(connection)
        except Exception as error:  # most likely the database is away; whatever it is, go on
            # Nothing is lost: outcomes are kept, and a claim is handed back by the next connection.
            if not kept.is_new:  # perhaps only this connection has ended: try another at once
                return timedelta(0)
            log.error("no answer from the database; trying again", error=summary(error))
            return POLL
        del self._outcomes[: len(outcomes)]
        for job in claimed:
            self._start(job)
        self._answer([outcome.job.id for outcome in outcomes])
        self._answer((ids or set()) - {job.id for job in claimed})
        return min(POLL, max(due - utcnow(), SHORTEST_WAIT)) if due else POLL

    async def _claim(
        self,
        connection: AsyncConnection,
        free: int,
        ids: set[UUID] | None,
        outcomes: Sequence[Outcome],
        done: Sequence[ClaimedJob],
    ) -> list[ClaimedJob]:
        busy = self._mine() - {outcome.job.id for outcome in outcomes}
        return await sql.claim(
            connection, self.id, free, lease=self.lease, ids=ids, but=busy, done=done
        )

    def _wanted(self) -> set[UUID] | None:
        """The jobs that were submitted and do not run yet; None means any."""
        return None if self.poll else self._submitted.keys() - self._mine()

    def _answer(self, ids: Collection[UUID]) -> None:
        """Tell those who submitted these jobs that there is nothing more to do here."""
        for id_ in [*ids]:
            if settled := self._submitted.pop(id_, None):
                settled.set_result(None)

    async def _sleep(self, time: timedelta) -> None:
        if self._wake.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(time.total_seconds()):
                await self._wake.wait()

    def _start(self, job: ClaimedJob) -> None:
        running = asyncio.create_task(run(job), name=f"{job.task} {job.id}")
        self._running[running] = job
        running.add_done_callback(self._done)

    def _done(self, running: asyncio.Task[Outcome]) -> None:
        job = self._running.pop(running)
        if running.cancelled():
            outcome = Outcome(job, JobStatus.READY, "its worker stopped", counted=False)
        elif running.exception():
            return  # KeyboardInterrupt and the like: the process ends, the lease will run out
        else:
            outcome = running.result()
        self._outcomes.append(outcome)
        self._wake.set()

    def _mine(self) -> set[UUID]:
        """What runs here, and what has run and is not written down yet."""
        done = {outcome.job.id for outcome in self._outcomes}
        return {job.id for job in self._running.values()} | done

    async def _finish(self) -> None:
        """Wait for what runs until the deadline, then hand it back.

        A thread can't be stopped. Its job stays claimed until the lease runs out, which it
        does not before this process, and so the thread, is gone.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.shutdown_timeout.total_seconds()
        while self._running and (left := deadline - loop.time()) > 0:
            await asyncio.wait(self._running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            await self._turn()
        late = [running for running, job in self._running.items() if get_task(job.task).is_async]
        for running in late:
            running.cancel()
        if late:
            await asyncio.wait(late, timeout=CLEAN_UP.total_seconds())
        await self._turn()
        while self._outcomes and loop.time() < deadline:
            await asyncio.sleep(SHORTEST_WAIT.total_seconds())
            await self._turn()

    async def _keep_leases(self) -> None:
        """Renew the leases of what runs here; jobs that use up the pool can't prevent it."""
        while True:
            mine = {job.id: running for running, job in self._running.items()}
            try:
                async with self._heartbeat.begin() as connection:
                    kept = await sql.renew(connection, self.id, self._mine(), lease=self.lease)
            except Exception as error:
                log.error("could not renew leases; trying again", error=summary(error))
                pause = POLL
            else:
                pause = self.lease / 3
                for id_ in mine.keys() - kept:
                    if mine[id_] in self._running:
                        log.error("lost the lease of a job that still ran", job_id=str(id_))
                        mine[id_].cancel()
            seconds = min(pause, self.lease / 3).total_seconds()
            due = asyncio.get_running_loop().time() + seconds
            await asyncio.sleep(seconds)
            late = asyncio.get_running_loop().time() - due
            if late > self.lease.total_seconds() / 2:
                log.error(
                    "the event loop stood still, and jobs may have gone to other workers meanwhile:"
                    " what blocks belongs in a plain def",
                    seconds=round(late, 1),
                )


async def run_now(ids: Collection[UUID] | None = None) -> int:
    """Run the due jobs (or those of `ids`) here, one after another; return how many ran."""
    worker = f"immediate:{os.getpid()}:{token_hex(4)}"
    async with engine.begin() as connection:
        jobs = await sql.claim(connection, worker, 1000, lease=settings.tasks_lease, ids=ids)
    for job in jobs:
        outcome = await asyncio.create_task(run(job))  # a task has its own context variables
        async with engine.begin() as connection:
            await sql.settle(connection, worker, [outcome])
    return len(jobs)
