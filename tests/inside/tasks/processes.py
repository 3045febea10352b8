"""Workers in processes of their own, among them some that are killed at a chosen step."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from functools import partial

from kit.database import Session, engine
from kit.tasks.outcomes import ClaimedJob, Outcome
from kit.tasks.schedule import Scheduler
from kit.tasks.worker.turn import ONE_STATEMENT
from kit.tasks.worker.worker import Worker
from kit.testing import forked, until
from sqlalchemy import event
from sqlalchemy.orm import Session as SyncSession

from inside.tasks.jobs import EVERY_SECOND, trace

LEASE = timedelta(seconds=1)
READY = "ready for SIGTERM"


def running(*arguments: str) -> AbstractContextManager[forked.Running]:
    """One of these, in a process that is killed when the block is left:

    work               works until SIGTERM
    share              the same, with leases of the usual length
    stop soon          works, and has little patience after SIGTERM
    schedule           schedules until SIGTERM
    die STEP           works, and is killed at that step
    enqueue STEP LOG   enqueues, and is killed at that step
    """
    return forked.running(f"from inside.tasks import processes; processes.main({arguments})")


async def side_by_side(what: str, condition: Callable[[], Awaitable[bool]]) -> None:
    """Run three of them until the condition is met. At SIGTERM each must end as it should."""
    with ExitStack() as stack:
        processes = [stack.enter_context(running(what)) for _ in range(3)]
        await until(condition)
        for process in processes:
            await until(partial(process.has_written, READY))
            process.terminate()
        for process in processes:
            assert (await process.ended()).returncode == 0


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_before_commit_of(is_it: Callable[[str], bool]) -> None:
    """Be killed when a transaction that ran such a statement is about to be committed.

    Where the statement is its own transaction, right before it.
    """
    ran: list[str] = []

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def watch(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        ran.append(statement)
        if ONE_STATEMENT and is_it(statement):
            die()

    @event.listens_for(engine.sync_engine, "commit")
    def check(_connection: object) -> None:
        if any(map(is_it, ran)):
            die()


def is_claim(statement: str) -> bool:
    return "UPDATE jobs" in statement and "started_at=" in statement


def is_settlement(statement: str) -> bool:
    return "UPDATE jobs" in statement and "error=" in statement and "CASE" not in statement


class DyingWorker(Worker):
    """Is killed at a step of the first job's life."""

    def __init__(self, step: str) -> None:
        super().__init__(lease=LEASE)
        self._step = step
        if step == "before the claim is committed":
            die_before_commit_of(is_claim)
        if step == "before the outcome is committed":
            die_before_commit_of(is_settlement)

    async def _turn(self) -> timedelta:
        settling = bool(self._outcomes)
        idle_for = await super()._turn()
        if settling and self._step == "after the outcome is committed":
            die()
        return idle_for

    def _start(self, job: ClaimedJob) -> None:
        if self._step == "after the claim":
            die()
        super()._start(job)

    def _done(self, running: asyncio.Task[Outcome]) -> None:
        if self._step == "after the run":
            die()
        super()._done(running)


async def work(worker: Worker | Scheduler) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    sys.stderr.write(READY)
    sys.stderr.flush()
    await worker.run()
    await engine.dispose()


async def enqueue(step: str, log: str) -> None:
    if step == "before COMMIT":
        event.listen(engine.sync_engine, "commit", die)
    if step == "after COMMIT":
        event.listen(SyncSession, "after_commit", die, insert=True)
    async with Session() as session:
        await trace.enqueue(session, log, "done")
        await session.commit()


def main(arguments: tuple[str, ...]) -> None:
    """What `running` says; in the other process."""
    match arguments:
        case ["work"]:
            asyncio.run(work(Worker(lease=LEASE)))
        case ["share"]:  # with leases that hold on a busy machine
            asyncio.run(work(Worker()))
        case ["stop soon"]:
            asyncio.run(work(Worker(lease=LEASE, shutdown_timeout=timedelta(milliseconds=200))))
        case ["schedule"]:
            asyncio.run(work(Scheduler([EVERY_SECOND])))
        case ["die", step]:
            asyncio.run(work(DyingWorker(step)))
        case ["enqueue", step, log]:
            asyncio.run(enqueue(step, log))
