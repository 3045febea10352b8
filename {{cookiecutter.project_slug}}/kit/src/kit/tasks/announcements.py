"""What an engine is told of a job."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class JobRef:
    """What an engine needs to know of a job: never its arguments."""

    id: UUID
    task: str
    queue: str
    priority: int
    run_after: datetime
