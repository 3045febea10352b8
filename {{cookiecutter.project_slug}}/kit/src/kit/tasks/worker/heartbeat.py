"""Renews the leases of what a worker runs, and stops what it no longer owns."""

import asyncio
from collections.abc import Callable, Mapping, Set
from datetime import timedelta
from typing import Any
from uuid import UUID

from kit.database import engine
from kit.logging import get_logger, summary
from kit.tasks import sql
from kit.tasks.outcomes import ClaimedJob
from kit.tasks.worker.connection import KeptConnection

log = get_logger(__name__)

RETRY = timedelta(seconds=1)
"""After an error: a lease must not run out because one query failed."""


class Heartbeat:
    """Beats three times a lease, on a connection of its own: jobs may use up the pool.

    running: the jobs that run here, by their tasks. held: returns the ids of all jobs whose
        leases are renewed, those that have run and are not written down yet included.
    """

    def __init__(
        self,
        worker: str,
        lease: timedelta,
        running: Mapping[asyncio.Task[Any], ClaimedJob],
        held: Callable[[], Set[UUID]],
    ) -> None:
        self._worker = worker
        self._lease = lease
        self._running = running
        self._held = held
        self._connection = KeptConnection(engine)

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            answered = await self._beat()
            await self._sleep(self._lease / 3 if answered else min(RETRY, self._lease / 3))

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()

    async def _beat(self) -> bool:
        """Renew the leases; False if the database did not answer."""
        before = {job.id: running for running, job in self._running.items()}
        try:
            async with self._connection.begin() as connection:
                held = self._held()
                kept = await sql.renew(connection, self._worker, held, lease=self._lease)
        except Exception as error:
            log.error("could not renew leases; trying again", error=summary(error))
            return False
        for id_ in before.keys() - kept:
            if before[id_] in self._running:
                log.error("lost the lease of a job that still ran", job_id=str(id_))
                before[id_].cancel()
        return True

    async def _sleep(self, pause: timedelta) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + pause.total_seconds()
        await asyncio.sleep(pause.total_seconds())
        late = loop.time() - due
        if late > self._lease.total_seconds() / 2:
            log.error(
                "the event loop stood still, and jobs may have gone to other workers meanwhile:"
                " what blocks belongs in a plain def",
                seconds=round(late, 1),
            )
