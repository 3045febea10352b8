"""What comes in and what goes out."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, StringConstraints

from kit.tasks import Job, JobStatus
from kit.tasks.redaction import error_class

SearchText = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^\x00]*$")
]
"""PostgreSQL can't be asked for a NUL."""


class JobPublic(BaseModel):
    """What the owner of a job may know: neither its arguments nor the text of an error."""

    id: UUID
    task: str
    status: JobStatus
    attempts: int
    max_attempts: int
    created_at: datetime
    run_after: datetime
    """When it is due; for a job that is ready after an attempt, when the next one is."""
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    """The class of the exception that ended the last attempt."""
    result: Any  # what the task returned
    """Of a successful job: what the task returned, if JSON can carry it."""

    @classmethod
    def of(cls, job: Job) -> Self:
        values = job.model_dump(include=set(cls.model_fields) - {"error"})
        return cls(**values, error=error_class(job.error) if job.error else None)
