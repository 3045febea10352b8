"""The worker: claims jobs, runs several at once, writes down how they ended.

Any number may work on one table, in one process or on many machines.
"""

import asyncio
import os
import socket
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from secrets import token_hex
from uuid import UUID

from kit.database import engine, utcnow
from kit.logging import get_logger, summary
from kit.settings import settings
from kit.tasks import sql
from kit.tasks.definition import get_task
from kit.tasks.models import JobStatus
from kit.tasks.outcomes import ClaimedJob, Outcome
from kit.tasks.worker.connection import KeptConnection
from kit.tasks.worker.heartbeat import Heartbeat
from kit.tasks.worker.runner import run
from kit.tasks.worker.sweep import Sweeper, hand_back_unheard
from kit.tasks.worker.turn import Claimed, Turn, carry_out

log = get_logger(__name__)

POLL = timedelta(seconds=1)
"""How often an idle worker looks for what other processes committed."""
CLEAN_UP = timedelta(seconds=5)
"""How long a job that is cancelled at shutdown may take to clean up."""
SHORTEST_WAIT = timedelta(milliseconds=50)
"""Before asking again for a job that is due but locked by another transaction."""


class Worker:
    """One loop, one transaction a turn: what is done is written down, what is due is claimed.

    With `poll` it looks for jobs by itself, and runs up to `concurrency` at once. Without, it
    runs all that are submitted: a broker's consumer, which submits them, limits their number.
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
        self._autocommit = KeptConnection(engine.execution_options(isolation_level="AUTOCOMMIT"))
        self._heartbeat = Heartbeat(self.id, lease, self._running, self._mine)

    def wake(self) -> None:
        """There may be new jobs. Called on the event loop."""
        self._wake.set()

    async def submit(self, job_id: UUID) -> None:
        """Run this job here, if it is due and no other worker has it.

        Returns when it is settled. Returns at once if the worker stops, and if the job was
        submitted before and is not settled yet, as when a message comes twice.
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
        upkeep = [asyncio.create_task(it) for it in (self._heartbeat.run(), self._sweeper.run())]
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
        turn = self._plan()
        if turn.is_empty:
            return POLL
        kept = self._autocommit if turn.is_one_statement else self._connection
        try:
            async with kept.begin() as connection:
                if kept.is_new:  # the one before may have ended while it answered a claim
                    await hand_back_unheard(connection, self.id, turn.known)
                claimed = await carry_out(turn, connection, self.id, self.lease)
        except Exception as error:  # most likely the database is away; whatever it is, go on
            # Nothing is lost: outcomes are kept, and the next connection hands back lost claims.
            if not kept.is_new:  # perhaps only this connection has ended: try another at once
                return timedelta(0)
            log.error("no answer from the database; trying again", error=summary(error))
            return POLL
        self._go_on(turn, claimed)
        return _pause_until(claimed.next_due)

    def _plan(self) -> Turn:
        known = self._mine()
        ids = None if self.poll else self._submitted.keys() - known
        free = self.concurrency - len(self._running) if ids is None else len(ids)
        return Turn(self._outcomes[:], ids, 0 if self._stopping else free, known)

    def _go_on(self, turn: Turn, claimed: Claimed) -> None:
        """Start what was claimed. Answer for what was settled, and for what need not run here."""
        del self._outcomes[: len(turn.outcomes)]
        for job in claimed.jobs:
            self._start(job)
        self._answer([outcome.job.id for outcome in turn.outcomes])
        self._answer((turn.ids or set()) - {job.id for job in claimed.jobs})

    def _answer(self, ids: Collection[UUID]) -> None:
        """Let `submit` return: there is nothing more to do for these jobs here."""
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
        """The jobs that run here, or have run and are not written down yet."""
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


def _pause_until(due: datetime | None) -> timedelta:
    return min(POLL, max(due - utcnow(), SHORTEST_WAIT)) if due else POLL


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
