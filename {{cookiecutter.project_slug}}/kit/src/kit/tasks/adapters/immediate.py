"""Runs each job inside the COMMIT that made it: for tests, where it saves the waiting.

What is due later stays in the table, and a job that fails does not fail the caller.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.util.concurrency import await_

from kit.database import utcnow
from kit.tasks.announcements import JobRef
from kit.tasks.worker.worker import run_now


class Engine:
    brokered = False

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""

    def committed(self, jobs: Sequence[JobRef]) -> None:
        due = [job.id for job in jobs if job.run_after <= utcnow()]
        # The hook runs in the greenlet of AsyncSession.commit(), where this may be awaited.
        await_(run_now(due))

    def ping(self) -> None:
        """There is no broker."""

    def work(self, *, concurrency: int) -> None:
        raise SystemExit("TASKS_ENGINE=immediate runs jobs at once and has no worker")
