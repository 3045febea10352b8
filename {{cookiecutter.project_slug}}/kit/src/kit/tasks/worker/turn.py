"""One transaction of a worker: how jobs ended is written down, due jobs are claimed."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from kit.database import engine
from kit.tasks import sql
from kit.tasks.outcomes import ClaimedJob, Outcome

ONE_STATEMENT = engine.dialect.name == "postgresql"
"""Whether a turn may be one statement without BEGIN and COMMIT: a quarter of the round trips."""


@dataclass(frozen=True)
class Turn:
    """What is to be done, decided before the transaction begins."""

    outcomes: Sequence[Outcome]
    """To write down."""
    ids: Set[UUID] | None
    """The jobs that may be claimed; None means any that is due."""
    free: int
    """How many may be claimed."""
    known: Set[UUID]
    """The jobs that run here, or have run and are not written down yet."""

    @property
    def is_empty(self) -> bool:
        return not self.outcomes and not self.free

    @property
    def is_one_statement(self) -> bool:
        """Whether the claim can settle the outcomes as well, without a transaction around it."""
        return (
            ONE_STATEMENT
            and self.free > 0
            and all(outcome.is_plain and not outcome.rows for outcome in self.outcomes)
        )

    @property
    def busy(self) -> Set[UUID]:
        """What must not be claimed, although the table may say that it is due: it runs here."""
        return self.known - {outcome.job.id for outcome in self.outcomes}


class Claimed(NamedTuple):
    """What a turn brought."""

    jobs: list[ClaimedJob]
    next_due: datetime | None
    """When to claim again, if it was asked for and a job waits for its time."""


async def carry_out(
    turn: Turn, connection: AsyncConnection, worker: str, lease: timedelta
) -> Claimed:
    """Settle and claim; ask for the next job that becomes due if nothing more is due now."""
    jobs = await _settle_and_claim(turn, connection, worker, lease)
    all_claimed = turn.ids is None and len(jobs) < turn.free
    return Claimed(jobs, await sql.next_due(connection) if all_claimed else None)


async def _settle_and_claim(
    turn: Turn, connection: AsyncConnection, worker: str, lease: timedelta
) -> list[ClaimedJob]:
    if turn.outcomes and turn.is_one_statement:
        done = [outcome.job for outcome in turn.outcomes]
        return await sql.claim_and_settle(
            connection, worker, turn.free, done=done, lease=lease, ids=turn.ids, but=turn.busy
        )
    if turn.outcomes:
        await sql.settle(connection, worker, turn.outcomes)
    if not turn.free:
        return []
    return await sql.claim(connection, worker, turn.free, lease=lease, ids=turn.ids, but=turn.busy)
