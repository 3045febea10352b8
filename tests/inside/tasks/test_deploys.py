"""What a deploy does to the jobs that wait: a task is renamed, or its arguments change."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any
from uuid import UUID

import pytest
import time_machine
from kit.database import engine, utcnow
from kit.tasks import Discard, Job, JobStatus, service, task
from kit.tasks.definition import _registry, all_tasks
from kit.tasks.errors import BadArguments
from kit.tasks.worker.sweep import Sweeper, announce_due
from kit.tasks.worker.version_skew import BATCH, RECENT
from kit.tasks.worker.worker import run_now
from pydantic import BeforeValidator
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.tasks.conftest import JobOf

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    before = {task.name: task for task in all_tasks()}  # found now, for they are found but once
    yield
    _registry.clear()
    _registry.update(before)


@pytest.fixture
def waiting(session: AsyncSession) -> Callable[..., Awaitable[Job]]:
    """A job that was enqueued before the deploy, of a task `invoices.send`."""

    async def enqueue(name: str = "invoices.send", max_attempts: int = 3, **arguments: Any) -> Job:
        job = Job(task=name, arguments=arguments, max_attempts=max_attempts)
        job.announced_at = job.run_after
        session.add(job)
        await session.commit()
        return job

    return enqueue


Waiting = Callable[..., Awaitable[Job]]


@contextmanager
def no_task(name: str) -> Iterator[None]:
    """As in a worker that is older than it."""
    known = _registry.pop(name, None)
    yield
    if known:
        _registry[name] = known


def register(name: str) -> None:
    """What a deployment brings: a task of this name, which takes an invoice."""

    @task(name=name)
    async def send(invoice: int) -> None: ...


async def sweep(after: timedelta = MINUTE) -> None:
    with time_machine.travel(utcnow() + after):
        await Sweeper().turn()


async def told_to_the_broker() -> list[UUID]:
    """What a sweep in a minute announces."""
    with time_machine.travel(utcnow() + MINUTE):
        async with engine.begin() as connection:
            return [job.id for job in await announce_due(connection, grace=2 * MINUTE)]


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


async def test_a_task_that_is_gone_fails_with_that_reason_and_can_be_retried_after_a_fix(
    waiting: Waiting, job_of: JobOf, session: AsyncSession
) -> None:
    job = await waiting(invoice=7)
    await run_now()
    failed = await job_of(job.id)
    assert failed.status == JobStatus.FAILED
    assert failed.error == "UnknownTask: no task is named 'invoices.send'"

    register("invoices.send")
    await service.retry_job(session, job.id)
    await session.commit()
    await run_now()
    assert (await job_of(job.id)).status == JobStatus.SUCCESSFUL


async def test_arguments_that_no_longer_fit_fail_without_being_quoted(
    waiting: Waiting, job_of: JobOf
) -> None:
    @task(name="invoices.send")
    async def send(invoice: int, copies: int) -> None: ...

    job = await waiting(invoice="s3cret")
    await run_now()
    failed = await job_of(job.id)
    assert failed.status == JobStatus.FAILED
    assert "invoice: Input should be a valid integer; copies: Field required" in (
        failed.error or ""
    )
    assert "s3cret" not in (failed.error or "")


@pytest.mark.parametrize("old_worker_knows", ["nothing", "another signature"])
async def test_what_an_old_worker_does_not_know_is_left_to_a_newer_one(
    waiting: Waiting, job_of: JobOf, old_worker_knows: str
) -> None:
    if old_worker_knows == "another signature":

        @task(name="invoices.send")
        async def send(customer: str) -> None: ...

    job = await waiting(max_attempts=1, invoice=7)
    await run_now()
    await sweep()
    assert (await job_of(job.id)).status == JobStatus.FAILED

    register("invoices.send")
    await sweep()
    waits = await job_of(job.id)
    assert (waits.status, waits.attempts, waits.finished_at) == (JobStatus.READY, 0, None)
    assert await told_to_the_broker() == [job.id]
    with time_machine.travel(utcnow() + MINUTE):
        await run_now()
    assert (await job_of(job.id)).status == JobStatus.SUCCESSFUL


async def test_while_old_workers_are_still_there_the_tries_become_rare(
    waiting: Waiting, job_of: JobOf
) -> None:
    job = await waiting(invoice=7)
    tried: list[int] = []
    for second in range(0, 3600, 30):
        with time_machine.travel(job.created_at + timedelta(seconds=second), tick=False):
            with no_task("invoices.send"):
                if await run_now():
                    tried.append(second)
            register("invoices.send")
            await sweep(timedelta(0))
    gaps = [after - before for before, after in pairwise(tried)]
    assert (len(tried), gaps) == (10, sorted(gaps))


@pytest.mark.parametrize(
    "error",
    [Discard("UnknownTask: is no more than a text here"), BadArguments("of what it called")],
    ids=["Discard", "BadArguments"],
)
async def test_what_failed_when_it_ran_is_left_to_people(
    waiting: Waiting, job_of: JobOf, error: Exception
) -> None:
    @task(name="invoices.send")
    async def send(invoice: int) -> None:
        raise error

    job = await waiting(max_attempts=1, invoice=7)
    await run_now()
    await sweep()
    assert (await job_of(job.id)).status == JobStatus.FAILED


async def test_many_that_will_never_fit_do_not_hide_the_one_that_does(
    waiting: Waiting, job_of: JobOf, session: AsyncSession
) -> None:
    @task(name="invoices.pay")
    async def pay(customer: str) -> None: ...

    session.add_all(
        Job(task=name, arguments={}, max_attempts=3)
        for name in ("invoices.pay", "invoices.gone")
        for _ in range(BATCH)
    )
    await session.commit()
    fitting = await waiting(invoice=7)
    await run_now()
    register("invoices.send")
    for _ in range(200):
        await sweep()
        if (await job_of(fitting.id)).status == JobStatus.READY:
            break
    else:
        pytest.fail("it was never looked at")


async def test_what_did_not_fit_for_an_hour_is_left_to_people(
    waiting: Waiting, job_of: JobOf
) -> None:
    job = await waiting(invoice=7)
    await run_now()
    register("invoices.send")
    await sweep(RECENT + timedelta(seconds=1))
    assert (await job_of(job.id)).status == JobStatus.FAILED


async def test_arguments_that_break_their_own_type_do_not_keep_the_sweep_from_its_work(
    waiting: Waiting, job_of: JobOf
) -> None:
    def refuse(value: object) -> object:
        raise RuntimeError

    await waiting("invoices.pay", invoice=7)
    fitting = await waiting(invoice=7)
    await run_now()

    @task(name="invoices.pay")
    async def pay(invoice: Annotated[int, BeforeValidator(refuse)]) -> None: ...

    register("invoices.send")
    await sweep()
    assert (await job_of(fitting.id)).status == JobStatus.READY
