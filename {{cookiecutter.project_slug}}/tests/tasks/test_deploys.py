"""What a deploy does to the jobs that wait: a task is renamed, or its arguments change."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database import utcnow
from app.tasks import Job, JobStatus, service, task
from app.tasks.runner import MISFITS
from app.tasks.task import _registry, all_tasks
from app.tasks.worker import run_now

JobOf = Callable[[UUID], Awaitable[Job]]


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    before = {task.name: task for task in all_tasks()}  # found now, for they are found but once
    yield
    _registry.clear()
    _registry.update(before)


@pytest.fixture
def waiting(session: AsyncSession) -> Callable[..., Awaitable[Job]]:
    """A job that was enqueued before the deploy, of a task `invoices.send`."""

    async def enqueue(attempts: int = 0, max_attempts: int = 3, **arguments: Any) -> Job:
        job = Job(
            task="invoices.send", arguments=arguments, max_attempts=max_attempts, attempts=attempts
        )
        session.add(job)
        await session.commit()
        return job

    return enqueue


Waiting = Callable[..., Awaitable[Job]]


async def test_a_renamed_task_keeps_its_name_in_the_table(waiting: Waiting, job_of: JobOf) -> None:
    @task(name="invoices.send")
    async def post_invoice(invoice: int) -> int:
        return invoice

    job = await waiting(invoice=7)
    await run_now()
    assert (await job_of(job.id)).result == 7


async def test_a_new_parameter_with_a_default_takes_the_jobs_that_wait(
    waiting: Waiting, job_of: JobOf
) -> None:
    @task(name="invoices.send")
    async def send(invoice: int, copies: int = 2) -> int:
        return copies

    job = await waiting(invoice=7)
    await run_now()
    assert (await job_of(job.id)).result == 2


async def test_a_worker_that_is_older_than_the_task_leaves_it_to_the_next(
    waiting: Waiting, job_of: JobOf
) -> None:
    job = await waiting(invoice=7)
    await run_now()
    met_an_old_worker = await job_of(job.id)
    assert met_an_old_worker.status == JobStatus.READY
    assert met_an_old_worker.error == "UnknownTask: no task is named 'invoices.send'"

    @task(name="invoices.send")
    async def send(invoice: int) -> None: ...

    with time_machine.travel(utcnow() + timedelta(minutes=1)):
        await run_now()
    assert (await job_of(job.id)).status == JobStatus.SUCCESSFUL


async def test_a_task_that_is_gone_fails_with_that_reason_and_can_be_retried_after_a_fix(
    waiting: Waiting, job_of: JobOf, session: AsyncSession
) -> None:
    job = await waiting(attempts=2, invoice=7)
    await run_now()
    failed = await job_of(job.id)
    assert failed.status == JobStatus.FAILED
    assert failed.error == "UnknownTask: no task is named 'invoices.send'"

    @task(name="invoices.send")
    async def send(invoice: int) -> None: ...

    await service.retry_job(session, job.id)
    await session.commit()
    await run_now()
    assert (await job_of(job.id)).status == JobStatus.SUCCESSFUL


@pytest.mark.parametrize(
    ("attempts", "status"), [(MISFITS - 2, JobStatus.READY), (MISFITS - 1, JobStatus.FAILED)]
)
async def test_it_fails_within_an_hour_however_many_attempts_the_task_is_given(
    waiting: Waiting, job_of: JobOf, attempts: int, status: JobStatus
) -> None:
    job = await waiting(attempts=attempts, max_attempts=60, invoice=7)
    await run_now()
    assert (await job_of(job.id)).status == status


async def test_arguments_that_no_longer_fit_fail_without_being_quoted(
    waiting: Waiting, job_of: JobOf
) -> None:
    @task(name="invoices.send")
    async def send(invoice: int, copies: int) -> None: ...

    job = await waiting(attempts=2, invoice="s3cret")
    await run_now()
    failed = await job_of(job.id)
    assert failed.status == JobStatus.FAILED
    assert "invoice: Input should be a valid integer; copies: Field required" in (
        failed.error or ""
    )
    assert "s3cret" not in (failed.error or "")
