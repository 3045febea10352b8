import asyncio
import inspect
import re
import traceback
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog
from kit.database import engine, utcnow
from kit.settings import settings
from kit.tasks import Job, JobStatus, Retry, Task, job_result, sql
from kit.tasks.models import LONGEST_ERROR, headline
from kit.tasks.outcomes import Outcome
from kit.tasks.service import JobInWrongState
from kit.tasks.worker.runner import LONGEST_DELAY, backoff
from kit.tasks.worker.worker import run_now
from pydantic import BaseModel
from sqlalchemy import text
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession
from structlog.testing import capture_logs

from inside.tasks import jobs
from inside.tasks.conftest import JobOf


class Order(BaseModel):
    sku: str
    price: int


@pytest.fixture
def ran(session: AsyncSession, job_of: JobOf) -> Callable[..., Awaitable[Job]]:
    """Enqueues a job, runs it once, and returns what became of it."""

    async def run(task: Task[Any, Any], /, *args: Any, **changes: Any) -> Job:
        job = await task.enqueue(session, *args)
        for name, value in changes.items():
            setattr(job, name, value)
        await session.commit()
        assert await run_now() == 1
        return await job_of(job.id)

    return run


Ran = Callable[..., Awaitable[Job]]


async def test_a_task_that_returns_is_successful(ran: Ran, tmp_path: Path) -> None:
    job = await ran(jobs.trace, str(tmp_path / "log"), "hello")
    assert jobs.lines(tmp_path / "log") == ["hello"]
    assert (job.status, job.attempts, job.error) == (JobStatus.SUCCESSFUL, 1, None)
    assert job.finished_at
    assert job.worker is None


async def test_a_sync_task_runs_in_a_thread(ran: Ran, tmp_path: Path) -> None:
    job = await ran(jobs.slow_in_a_thread, str(tmp_path / "log"), 0.0)
    assert job.status == JobStatus.SUCCESSFUL


async def test_a_task_that_raises_is_retried_later_and_says_why(ran: Ran) -> None:
    job = await ran(jobs.broken)
    assert job.status == JobStatus.READY
    assert job.run_after > utcnow()
    assert "ZeroDivisionError: it is broken" in (job.error or "")
    assert await run_now() == 0, "it is not due yet"


async def test_a_task_that_raised_at_its_last_attempt_has_failed(ran: Ran) -> None:
    job = await ran(jobs.broken, attempts=2)
    assert (job.status, job.attempts) == (JobStatus.FAILED, 3)
    assert job.finished_at


async def test_retry_says_when(ran: Ran) -> None:
    job = await ran(jobs.retrying, 3600)
    assert job.status == JobStatus.READY
    assert timedelta(minutes=59) < job.run_after - utcnow() < timedelta(minutes=61)
    assert job.error == "Retry: not yet"


def test_a_time_is_no_reason_for_a_retry() -> None:
    with pytest.raises(TypeError, match="after=timedelta"):
        Retry(30)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be a timedelta"):
        Retry("busy", after=30)  # type: ignore[arg-type]


async def test_retry_at_the_last_attempt_has_failed(ran: Ran) -> None:
    assert (await ran(jobs.retrying, 1, attempts=2)).status == JobStatus.FAILED


async def test_discard_fails_at_once_with_its_reason(ran: Ran) -> None:
    job = await ran(jobs.useless)
    assert (job.status, job.attempts, job.error) == (
        JobStatus.FAILED,
        1,
        "Discard: nobody wants it",
    )


@pytest.mark.parametrize(
    "task", [jobs.exiting, jobs.expiring, jobs.hanging, jobs.cancelling_itself]
)
async def test_what_would_take_the_worker_down_only_fails_the_attempt(
    ran: Ran, task: Task[Any, Any]
) -> None:
    job = await ran(task)
    assert job.status == JobStatus.READY
    assert job.error


async def test_a_task_can_ask_for_its_job(ran: Ran, tmp_path: Path) -> None:
    job = await ran(jobs.telling_its_job, str(tmp_path / "log"))
    assert jobs.lines(tmp_path / "log") == [f"{job.id} 1"]


async def test_a_job_remembers_the_request_that_asked_for_it(ran: Ran, tmp_path: Path) -> None:
    with structlog.contextvars.bound_contextvars(request_id="the-request"):
        job = await ran(jobs.trace, str(tmp_path / "log"), "x")
    assert job.request_id == "the-request"


def test_backoff_doubles_up_to_an_hour_with_jitter() -> None:
    delays = [backoff(attempt) for attempt in (1, 2, 3, 100)]
    for delay, nominal in zip(delays, (2, 4, 8, 3600), strict=True):
        assert 0.8 * nominal <= delay.total_seconds() <= 1.2 * nominal
    assert len({backoff(1) for _ in range(10)}) > 1
    assert backoff(10_000) <= 1.2 * LONGEST_DELAY


async def test_a_wish_to_wait_for_a_century_is_cut_down(ran: Ran) -> None:
    job = await ran(jobs.retrying_in_a_century)
    assert timedelta(days=364) < job.run_after - utcnow() <= timedelta(days=365)


async def test_an_async_task_behind_a_plain_decorator_does_run(ran: Ran, tmp_path: Path) -> None:
    job = await ran(jobs.decorated, str(tmp_path / "log"))
    assert job.status == JobStatus.SUCCESSFUL
    assert jobs.lines(tmp_path / "log") == ["ran"]


@pytest.mark.parametrize(
    ("returned", "result"),
    [
        ("nothing", None),
        ("a model", {"id": "00000000-0000-0000-0000-000000000007", "paid": "9.90"}),
        ("not a number", {"ratio": None}),
    ],
)
async def test_what_a_task_returns_can_be_read(
    ran: Ran, session: AsyncSession, returned: str, result: object
) -> None:
    job = await ran(jobs.returning, returned)
    assert await job_result(session, job.id) == result


@pytest.mark.parametrize("returned", ["a socket", "too much", "itself"])
async def test_what_cannot_be_stored_does_not_undo_the_work(
    ran: Ran, session: AsyncSession, returned: str
) -> None:
    with capture_logs() as logs:
        job = await ran(jobs.returning, returned)
    assert job.status == JobStatus.SUCCESSFUL
    assert await job_result(session, job.id) is None
    assert any("what the task returned" in log["event"] for log in logs)


async def test_a_job_that_has_not_succeeded_has_no_result(ran: Ran, session: AsyncSession) -> None:
    job = await ran(jobs.broken)
    with pytest.raises(JobInWrongState, match="ready"):
        await job_result(session, job.id)


async def raised(function: Callable[[], object]) -> str:
    """The traceback of what this raises."""
    try:
        found = function()
        if inspect.isawaitable(found):
            await found
    except Exception:
        return traceback.format_exc()
    raise AssertionError("nothing was raised")


async def wrong_sql() -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELEKT 1"))


async def in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(jobs.broken())


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda: Order.model_validate({}), r".*ValidationError: 2 validation errors for Order"),
        (lambda: wrong_sql(), r"sqlalchemy\.exc\.\w+Error: .*"),
        (lambda: compile("x = (", "x.py", "exec"), r"SyntaxError: '\(' was never closed"),
        (in_a_group, "ZeroDivisionError: it is broken"),
    ],
)
async def test_the_headline_of_an_error_names_the_exception(
    function: Callable[[], object], expected: str
) -> None:
    assert re.fullmatch(expected, headline(await raised(function)))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("Discard: the user\nis gone", "Discard: the user"),
        ("cancelled", "cancelled"),
        ("", ""),
        ("the end of a long text " * LONGEST_ERROR, ""),
    ],
)
def test_the_headline_of_other_errors_is_their_first_line(error: str, expected: str) -> None:
    assert headline(error) == expected


async def test_developers_see_tracebacks_and_production_logs_have_none(
    ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs:
        await ran(jobs.broken)
    assert isinstance(logs[-1]["exc_info"], ZeroDivisionError)
    monkeypatch.setattr(settings, "environment", "production")
    with capture_logs() as logs:
        await ran(jobs.broken)
    assert logs[-1]["exc_info"] is None
    assert logs[-1]["error"] == "ZeroDivisionError: it is broken"


async def rows(session: AsyncSession) -> set[str | None]:
    return set((await session.exec(select(Job.key).where(Job.task == "a row"))).all())


@pytest.mark.parametrize(
    ("how", "status"), [("returns", JobStatus.SUCCESSFUL), ("raises", JobStatus.READY)]
)
async def test_rows_are_written_when_the_attempt_is_settled_however_it_ends(
    ran: Ran, session: AsyncSession, how: str, status: JobStatus
) -> None:
    job = await ran(jobs.leaving_rows, ["a", "b"], how)
    assert job.status == status
    assert await rows(session) == {"a", "b"}


async def test_a_refused_row_is_dropped_alone(ran: Ran, session: AsyncSession) -> None:
    with capture_logs() as logs:
        job = await ran(jobs.leaving_rows, ["a", "twice", "twice", "b"], "returns")
    assert job.status == JobStatus.SUCCESSFUL
    assert await rows(session) == {"a", "twice", "b"}
    assert [log["event"] for log in logs].count("a row of a job was refused") == 1


async def test_a_row_that_can_not_be_encoded_is_dropped_alone(session: AsyncSession) -> None:
    await jobs.trace.enqueue(session, "x", "y")
    await session.commit()
    async with engine.begin() as connection:
        [claimed] = await sql.claim(connection, "me", 1, lease=timedelta(minutes=1))
        left = [Job(task="a row", key=key, max_attempts=1) for key in ("a", "\ud800", "b")]
        await sql.settle(connection, "me", [Outcome(claimed, JobStatus.SUCCESSFUL, rows=left)])
    assert await rows(session) == {"a", "b"}


async def test_what_is_no_row_does_not_hold_up_the_worker(ran: Ran) -> None:
    job = await ran(jobs.leaving_rows, ["a"], "leaves no row")
    assert job.status == JobStatus.SUCCESSFUL


async def test_an_attempt_that_does_not_count_writes_no_rows(
    session: AsyncSession, job_of: JobOf
) -> None:
    await jobs.trace.enqueue(session, "x", "y")
    await session.commit()
    async with engine.begin() as connection:
        [claimed] = await sql.claim(connection, "me", 1, lease=timedelta(minutes=1))
        row = Job(task="a row", key="a", max_attempts=1)
        outcome = Outcome(claimed, JobStatus.SUCCESSFUL, rows=[row])
        await sql.settle(connection, "another", [outcome])
    assert await rows(session) == set()


async def test_a_job_knows_whose_it_is(session: AsyncSession, job_of: JobOf) -> None:
    owner = uuid4()
    job = await jobs.trace.using(owner=owner).enqueue(session, "x", "y")
    await session.commit()
    assert (await job_of(job.id)).owner_id == owner
