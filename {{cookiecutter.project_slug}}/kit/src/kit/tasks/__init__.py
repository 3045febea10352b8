"""Work that must happen: a task is code, a job is one run of it, one row.

    @task(queue="mail", max_attempts=8)
    async def send_invoice(invoice_id: UUID) -> None: ...

    await send_invoice.enqueue(db, invoice_id=invoice.id)

The row is written in the caller's transaction. What was committed runs at least once,
whatever dies when; what was rolled back never runs.
"""

from kit.tasks.background import Background
from kit.tasks.definition import Task, task
from kit.tasks.errors import Discard, Obsolete, Retry
from kit.tasks.models import Job, JobStatus
from kit.tasks.schedule import periodic
from kit.tasks.service import job_result
from kit.tasks.worker.runner import JobContext, current_job

__all__ = [
    "Background",
    "Discard",
    "Job",
    "JobContext",
    "JobStatus",
    "Obsolete",
    "Retry",
    "Task",
    "current_job",
    "job_result",
    "periodic",
    "task",
]
