"""A job table whose jobs wait until a test runs them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
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


@pytest.fixture
def job_of() -> Callable[[UUID], Awaitable[Job]]:
    """Reads a job anew."""

    async def read(id_: UUID) -> Job:
        async with Session() as session:
            job = await session.get(Job, id_)
        assert job
        return job

    return read


async def until(condition: Callable[[], Awaitable[bool] | bool], *, seconds: float = 60) -> None:
    """Wait for what must come; a deadline before pytest's own leaves a report one can read."""
    async with asyncio.timeout(seconds):
        while True:
            met = condition()
            if met if isinstance(met, bool) else await met:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[Worker]:
    """Runs the worker until the block is left; it finishes what it has begun."""
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await running
