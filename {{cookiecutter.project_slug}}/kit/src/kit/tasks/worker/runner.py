"""Runs one claimed job, and returns how it ended."""

import asyncio
import inspect
import json
import random
import traceback
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlmodel import SQLModel

from kit.logging import get_logger, log_context, summary
from kit.settings import settings
from kit.tasks.definition import Task, get_task
from kit.tasks.errors import BadArguments, Discard, Retry, UnknownTask
from kit.tasks.models import LONGEST_ERROR, JobStatus, headline
from kit.tasks.outcomes import ClaimedJob, Outcome
from kit.tasks.threads import in_thread

log = get_logger(__name__)

FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(hours=1)
LARGEST_RESULT = 64 * 1024
"""Bytes of JSON. A task stores a file elsewhere, and returns its name."""
NOW, LATEST = timedelta(0), timedelta(days=365)
"""The delays that a task may ask for: one that a server told it may be senseless."""


@dataclass(frozen=True)
class JobContext:
    """What a running task can ask about its job."""

    id: UUID
    attempt: int
    max_attempts: int
    rows: list[SQLModel] = field(default_factory=list, repr=False)

    def on_settle(self, row: SQLModel) -> None:
        """Write `row` in the transaction that settles this attempt, however it ends.

        Exactly once, or not at all when the attempt does not count: its worker died, or
        lost its lease. A row that the database refuses is logged and dropped.
        """
        self.rows.append(row)


_current: ContextVar[JobContext | None] = ContextVar("current_job", default=None)


def current_job() -> JobContext | None:
    """The job that this code runs in; None outside of one."""
    return _current.get()


def backoff(attempt: int) -> timedelta:
    """How long to wait after the given attempt (from 1): doubling, with jitter of a fifth.

    Without jitter, all that failed together would come back together. 2 s, 4 s … 1 h:
    8 attempts span 4 minutes, 20 span 10 hours, 60 span two days.
    """
    delay = min(FIRST_DELAY * 2.0 ** min(attempt - 1, 30), LONGEST_DELAY)
    return delay * random.uniform(0.8, 1.2)  # noqa: S311 - no secret


async def run(job: ClaimedJob) -> Outcome:
    """Run one attempt. Whatever the task raises becomes an outcome; only a cancellation
    from outside (the worker stops, or lost its lease) passes through.
    """
    context = JobContext(job.id, job.attempt, job.max_attempts)
    _current.set(context)
    log_context(job_id=str(job.id), task=job.task, attempt=job.attempt, request_id=job.request_id)
    outcome = await _outcome(job)
    return replace(outcome, rows=context.rows) if context.rows else outcome


async def _outcome(job: ClaimedJob) -> Outcome:
    try:
        try:
            task = get_task(job.task)
            arguments = task.load(job.arguments)
        except (UnknownTask, BadArguments) as error:  # see version_skew.py
            return _failed(job, f"{type(error).__name__}: {error}")
        returned = await _call(task, arguments)
    except asyncio.CancelledError:
        if (running := asyncio.current_task()) and running.cancelling():
            raise
        return _again(job, "CancelledError: the task was cancelled from within", None)
    except Discard as error:
        return _failed(job, f"{type(error).__name__}: {error}")
    except Retry as retry:
        return _again(job, f"{type(retry).__name__}: {retry}", retry.after)
    except (KeyboardInterrupt, GeneratorExit):  # the process ends; the coroutine was closed
        raise
    except BaseException as error:  # a library's sys.exit() must not end the server
        return _again(job, _text(error), None, error)
    log.debug("job successful")
    return Outcome(job, JobStatus.SUCCESSFUL, result=_result(returned))


def _result(returned: object) -> Any:
    """The result as JSON. None if it can't be stored: the work is done, no retry would help."""
    if returned is None:
        return None
    try:
        result = to_json(returned, inf_nan_mode="null")
    except ValueError as error:
        log.error("what the task returned can't be stored", error=summary(error))
        return None
    if len(result) > LARGEST_RESULT:
        log.error("what the task returned is too large to be stored", bytes=len(result))
        return None
    return json.loads(result)


async def _call(task: Task[Any, Any], arguments: dict[str, Any]) -> object:
    if task.is_async:
        async with asyncio.timeout(task.timeout.total_seconds() if task.timeout else None):
            return await task.function(**arguments)
    result = await in_thread(lambda: task.function(**arguments))
    if inspect.isawaitable(result):  # an async def behind a plain decorator
        return await result
    return result


def _again(
    job: ClaimedJob, error: str, after: timedelta | None, cause: BaseException | None = None
) -> Outcome:
    if job.attempt >= job.max_attempts:
        return _failed(job, error, cause)
    delay = backoff(job.attempt) if after is None else min(max(after, NOW), LATEST)
    seconds = round(delay.total_seconds())
    log.warning("job will be retried", error=headline(error), delay=seconds, exc_info=_seen(cause))
    return Outcome(job, JobStatus.READY, _storable(error), delay)


def _failed(job: ClaimedJob, error: str, cause: BaseException | None = None) -> Outcome:
    log.error("job failed", error=headline(error), exc_info=_seen(cause))
    return Outcome(job, JobStatus.FAILED, _storable(error))


def _seen(cause: BaseException | None) -> BaseException | None:
    """The exception whose traceback is logged, in development; in production the table has it."""
    return None if settings.is_production else cause


def _text(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _storable(text: str) -> str:
    """The end of the text, without what PostgreSQL refuses: NUL, half of a surrogate pair."""
    text = text.replace("\0", "\N{SYMBOL FOR NULL}")
    return text.encode(errors="replace").decode()[-LONGEST_ERROR:]
