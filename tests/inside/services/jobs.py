"""Tasks for workers that are killed."""

import asyncio

from kit.tasks import current_job, task

from inside.tasks.jobs import write


@task
async def hanging_at_first(path: str) -> None:
    """Hangs until its worker dies; a second try succeeds."""
    job = current_job()
    assert job
    write(path, f"attempt {job.attempt}")
    if job.attempt == 1:
        await asyncio.Event().wait()
