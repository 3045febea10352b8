"""What the table and a worker exchange: a claimed job, and how its attempt ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import SQLModel

from kit.tasks.models import JobStatus


@dataclass(frozen=True)
class ClaimedJob:
    """A job that this worker, and no other, may run now."""

    id: UUID
    task: str
    arguments: str
    """As they are stored, in JSON."""
    attempt: int
    max_attempts: int
    request_id: str | None
    started_at: datetime
    """Tells this claim from an earlier one of the same job by the same worker."""


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended."""

    job: ClaimedJob
    status: JobStatus
    error: str | None = None
    delay: timedelta = timedelta(0)
    counted: bool = True
    """False gives the attempt back: the worker stopped, the task did nothing wrong."""
    result: Any = None
    rows: Sequence[SQLModel] = ()
    """What the task wants written in the transaction that settles its job."""

    @property
    def is_plain(self) -> bool:
        """Whether the job succeeded and returned nothing, so that its row needs no more values."""
        return self.status is JobStatus.SUCCESSFUL and self.result is None
