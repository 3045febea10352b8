"""Work that must happen: a task is code, a job is one run of it, one row.

    @task(queue="mail", max_attempts=8)
    async def send_invoice(invoice_id: UUID) -> None: ...

    await send_invoice.enqueue(session, invoice_id=invoice.id)

The row is written in the caller's transaction. What was committed runs at least once,
whatever dies when; what was rolled back never runs.
"""

from app.tasks.models import Job, JobStatus
from app.tasks.runner import JobContext, current_job
from app.tasks.schedule import periodic
from app.tasks.service import job_result
from app.tasks.task import Discard, Retry, Task, task

__all__ = [
    "Discard",
    "Job",
    "JobContext",
    "JobStatus",
    "Retry",
    "Task",
    "current_job",
    "job_result",
    "periodic",
    "task",
]
