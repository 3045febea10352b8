"""A job table whose jobs wait until a test runs them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import UUID

import pytest
from kit.database import Session, engine
from kit.settings import settings
from kit.tasks import Job, engines
from kit.tasks.worker.worker import Worker

collect_ignore = (
    []
    if engine.dialect.name == "postgresql"
    else ["test_listening.py", "test_clocks.py", "test_indexes.py"]
)


@pytest.fixture(autouse=True)
def embedded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """TASKS_ENGINE=inprocess, here and in the processes that a test starts."""
    monkeypatch.setattr(settings, "tasks_engine", "inprocess")
    monkeypatch.setenv("TASKS_ENGINE", "inprocess")
    engines.current.cache_clear()
    yield
    engines.current.cache_clear()


class JobOf(Protocol):
    async def __call__(self, id_: UUID) -> Job: ...


@pytest.fixture
def job_of() -> JobOf:
    """Reads a job from the database."""

    async def read(id_: UUID) -> Job:
        async with Session() as session:
            job = await session.get(Job, id_)
        assert job
        return job

    return read


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[Worker]:
    """Run the worker during the block; it finishes the jobs that it has begun."""
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await running
