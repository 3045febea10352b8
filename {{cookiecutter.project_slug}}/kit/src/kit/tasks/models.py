"""The job table: what was asked for, and how it went."""

import re
import secrets
import time
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Index, Text, text
from sqlalchemy.orm import class_mapper
from sqlalchemy.orm.attributes import instance_dict
from sqlmodel import Field, SQLModel

from kit.database import engine, utcnow


class JobStatus(StrEnum):
    """The states of a job, named as in Django's Tasks framework."""

    READY = "ready"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"


# What `Job.error` may be besides the end of a traceback, or the words of Discard and Retry.
CANCELLED = "cancelled"
WORKER_DIED = "its worker died: "
LONGEST_ERROR = 20_000

_OF_A_GROUP = re.compile(r"^ *[|+] ?", re.MULTILINE)
"""How the tracebacks within that of an exception group are indented."""
_FRAME = ("Traceback (most recent call last):", '  File "')


def headline(error: str) -> str:
    """The line of `Job.error` that says what happened; empty if it was cut off.

    Of a traceback it is the line after the last frame. Its last line may be anything: pydantic
    and SQLAlchemy end with a link.
    """
    lines = _OF_A_GROUP.sub("", error).splitlines()
    frames = [number for number, line in enumerate(lines) if line.startswith(_FRAME)]
    if not frames and len(error) >= LONGEST_ERROR:
        return ""
    after = lines[frames[-1] + 1 :] if frames else lines
    return next((line for line in after if line[:1].strip()), "")


def uuid7() -> UUID:
    """A UUID that sorts by the time of its creation, to a quarter of a microsecond.

    So new rows are neighbors in the index of ids, which keeps inserts fast in a large table, and
    lists by age need no other index. RFC 9562, 5.7 and 6.2 (method 3); Python has it from 3.14.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    moment = milliseconds << 16 | 7 << 12 | rest * 4096 // 1_000_000
    return UUID(int=moment << 64 | 0b10 << 62 | secrets.randbits(62))


def first_id(made_at: datetime) -> UUID:
    """The smallest id that a job created at this time can have."""
    return UUID(int=int(made_at.timestamp() * 1000) << 80)


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index of some rows, for the database in use: naming both would import both dialects."""
    condition: dict[str, Any] = {f"{engine.dialect.name}_where": text(where)}
    return Index(name, *columns, unique=unique, **condition)


class Job(SQLModel, table=True):
    """One run of a task. A broker may carry its id; the row alone is the truth."""

    __tablename__ = "jobs"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    task: str = Field(max_length=200)
    arguments: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    queue: str = Field(default="default", max_length=50)
    rank: int = Field(default=0)
    """The priority, negated: the lowest goes first, as indexes sort."""
    owner_id: UUID | None = None
    """The user who may ask for its state. No foreign key: kit does not know the table of users."""
    request_id: str | None = Field(default=None, max_length=64)
    """The request that enqueued it, so that their log lines can be read together."""

    key: str | None = Field(default=None, max_length=250)
    """Unique, if given: the second job of a tick is refused, so each tick runs once."""

    status: str = Field(default=JobStatus.READY.value, max_length=20)
    run_after: datetime = Field(default_factory=utcnow)
    announced_at: datetime | None = None
    """When a broker was last told, if one is in use. The sweep tells it again of what is left."""
    attempts: int = Field(default=0)
    """Counted when a worker claims the job: a job that kills its worker has used one up."""
    max_attempts: int
    error: str | None = Field(default=None, sa_type=Text)
    """Why the last attempt did not succeed: a traceback, or the reason that the task gave."""

    result: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    """What the task returned, if JSON can carry it."""

    worker: str | None = Field(default=None, max_length=100)
    lease_expires_at: datetime | None = None
    """Until then the job belongs to its worker; after that the worker counts as dead."""

    created_at: datetime = Field(default_factory=utcnow)
    started_at: datetime | None = None
    finished_at: datetime | None = None

    # Each index holds only the rows it is for: claiming stays as fast with a million finished
    # jobs, and a job that moves on is written to few of them.
    __table_args__ = (
        _partial("ix_jobs_ready", "rank", "run_after", where="status = 'ready'"),
        _partial("ix_jobs_running", "lease_expires_at", where="status = 'running'"),
        _partial("ix_jobs_failed", "id", where="status = 'failed'"),
        _partial("ix_jobs_finished_at", "finished_at", where="finished_at IS NOT NULL"),
        _partial("ix_jobs_key", "key", where="key IS NOT NULL", unique=True),
    )


_DEFAULTS = {
    name: field.default
    for name, field in Job.model_fields.items()
    if not field.is_required() and not field.default_factory
}


def new_job(*, arguments: dict[str, Any], run_after: datetime, **values: Any) -> Job:
    """A job to be inserted, made the way SQLAlchemy makes an object of a row that it has loaded.

    `Job(…)` would tell pydantic and SQLAlchemy of each of twenty attributes, which takes ten times
    as long, and several times as long as the rest of `enqueue`.
    """
    job: Job = class_mapper(Job).class_manager.new_instance()
    made = {"id": uuid7(), "created_at": utcnow(), "arguments": arguments, "run_after": run_after}
    instance_dict(job).update(_DEFAULTS, **made, **values)
    return job
