"""Tasks that leave a trace in a file, for this process and for those that tests kill."""

import asyncio
import functools
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from kit.database import utcnow
from kit.tasks import Discard, Job, Retry, current_job, task
from kit.tasks.announcements import JobRef
from kit.tasks.schedule import Schedule
from pydantic import BaseModel, SecretStr
from sqlmodel import SQLModel


def write(path: str, line: str) -> None:
    """Append a line at once: what a killed process wrote counts."""
    with Path(path).open("a") as file:
        file.write(f"{line}\n")


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def job_ref() -> JobRef:
    """What a publisher is told of a job that was committed."""
    return JobRef(uuid4(), "inside.noop", "default", 0, utcnow())


@task
async def tick() -> None: ...


EVERY_SECOND = Schedule(tick, every=timedelta(seconds=1), cron=None, timezone="UTC")


@task(max_attempts=3)
async def trace(path: str, line: str) -> None:
    write(path, line)


@task(max_attempts=2)
async def poison(path: str) -> None:
    write(path, "swallowed")
    os.kill(os.getpid(), signal.SIGKILL)


@task
async def slow(path: str, seconds: float) -> None:
    write(path, "begun")
    await asyncio.sleep(seconds)
    write(path, "finished")


@task
def slow_in_a_thread(path: str, seconds: float) -> None:
    write(path, "begun")
    time.sleep(seconds)
    write(path, "finished")


@task(max_attempts=3)
async def broken() -> None:
    raise ZeroDivisionError("it is broken")


@task(max_attempts=3)
async def retrying(seconds: int) -> None:
    raise Retry("not yet", after=timedelta(seconds=seconds))


@task
async def retrying_in_a_century() -> None:
    raise Retry(after=timedelta(days=4_000_000))


def plainly_decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@task
@plainly_decorated
async def decorated(path: str) -> None:
    await asyncio.sleep(0)
    write(path, "ran")


@task
async def secretive(password: SecretStr) -> None: ...


@task
async def scale(ratio: float) -> None: ...


@task
async def useless() -> None:
    raise Discard("nobody wants it")


@task
async def exiting() -> None:
    raise SystemExit(3)


class Expired(BaseException):
    """As gevent's Timeout, which no `except Exception` is to catch."""


@task
async def expiring() -> None:
    raise Expired


@task(timeout=timedelta(milliseconds=10))
async def hanging() -> None:
    await asyncio.Event().wait()


@task
async def cancelling_itself() -> None:
    raise asyncio.CancelledError


@task
async def telling_its_job(path: str) -> None:
    job = current_job()
    assert job
    write(path, f"{job.id} {job.attempt}")


@task(max_attempts=2)
async def returning(what: str) -> object:
    made: dict[str, object] = {
        "a model": Receipt(id=UUID(int=7), paid=Decimal("9.90")),
        "nothing": None,
        "a socket": object(),
        "too much": "x" * 1_000_000,
        "itself": itself,
        "not a number": {"ratio": float("nan")},
    }
    return made[what]


class Receipt(BaseModel):
    id: UUID
    paid: Decimal


itself: list[object] = []
itself.append(itself)


@task(max_attempts=2)
async def leaving_rows(keys: list[str], how: str) -> None:
    """Jobs serve as rows: a key is unique."""
    job = current_job()
    assert job
    for key in keys:
        job.on_settle(Job(task="a row", key=key, max_attempts=1, run_after=NEVER))
    if how == "raises":
        raise ZeroDivisionError
    if how == "leaves no row":
        job.on_settle(SQLModel())


NEVER = datetime(2100, 1, 1, tzinfo=UTC)
