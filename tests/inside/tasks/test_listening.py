"""Only on PostgreSQL (see conftest.py): a worker hears of what other processes commit."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from kit.tasks import listening
from kit.tasks.worker import worker
from kit.tasks.worker.worker import Worker
from kit.testing import until
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.tasks import jobs
from inside.tasks.conftest import working

LISTENERS = "FROM pg_stat_activity WHERE query = 'LISTEN jobs' AND state = 'idle'"


@pytest.fixture(autouse=True)
async def listener(monkeypatch: pytest.MonkeyPatch, session: AsyncSession) -> AsyncIterator[Worker]:
    """A worker that never looks by itself, and of which this process' commits know nothing."""
    monkeypatch.setattr(worker, "POLL", timedelta(hours=1))
    monkeypatch.setattr(listening, "RECONNECT", timedelta(milliseconds=100))
    async with working(Worker()) as its_worker:
        listens = asyncio.create_task(listening.listen(its_worker.wake))
        await until_somebody_listens(session)
        yield its_worker
        listens.cancel()
        await asyncio.wait([listens])


async def until_somebody_listens(session: AsyncSession) -> None:
    async def listens() -> bool:
        connection = await session.connection()
        found: int = (await connection.execute(text(f"SELECT count(*) {LISTENERS}"))).scalar_one()
        await session.rollback()
        return found == 1

    await until(listens)


async def test_a_job_committed_elsewhere_starts_at_once(
    session: AsyncSession, tmp_path: Path
) -> None:
    await jobs.trace.enqueue(session, str(tmp_path / "log"), "x")
    await session.commit()
    await until(lambda: jobs.lines(tmp_path / "log") == ["x"])


async def test_a_listening_connection_that_dies_is_replaced(
    session: AsyncSession, tmp_path: Path
) -> None:
    connection = await session.connection()
    await connection.execute(text(f"SELECT pg_terminate_backend(pid) {LISTENERS}"))
    await session.rollback()
    await until_somebody_listens(session)
    await jobs.trace.enqueue(session, str(tmp_path / "log"), "x")
    await session.commit()
    await until(lambda: jobs.lines(tmp_path / "log") == ["x"])
