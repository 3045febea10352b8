import re
from datetime import timedelta

import pytest
from httpx2 import AsyncClient
from kit.database import utcnow
from kit.database.sessions import create_engine
from kit.migrations import HISTORIES, History, heads
from kit.settings import settings
from kit.tasks import Job
from kit.web import health
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlmodel.ext.asyncio.session import AsyncSession


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_living_process_says_so(client: AsyncClient, method: str) -> None:
    assert (await client.request(method, "/healthz")).status_code == 200


async def test_a_migrated_database_is_ready(client: AsyncClient) -> None:
    response = await client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["checks"] == {
        "database": "ok",
        "migrations": "ok",
        "queue": "ok",
    }


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.name)
async def test_a_database_that_is_not_at_head_is_not_ready(
    client: AsyncClient, session: AsyncSession, history: History
) -> None:
    async def write(revision: str) -> None:
        connection = await session.connection()
        statement = f"UPDATE {history.version_table} SET version_num = :revision"
        await connection.execute(text(statement), {"revision": revision})
        await session.commit()

    head = dict(heads())[history.name]
    await write("older")
    try:
        response = await client.get("/readyz")
    finally:
        await write(head)

    assert response.status_code == 503
    assert response.json()["checks"]["migrations"] == "failed"


async def wait_for_a_worker(session: AsyncSession, age: timedelta) -> Job:
    """A job that nobody has run, due for `age`."""
    job = Job(task="forgotten", max_attempts=1, run_after=utcnow() - age)
    session.add(job)
    await session.commit()
    return job


async def test_when_nobody_runs_the_jobs_it_is_not_ready_and_logs_for_how_long(
    client: AsyncClient, session: AsyncSession, caplog: pytest.LogCaptureFixture
) -> None:
    await wait_for_a_worker(session, timedelta(minutes=16))

    response = await client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"]["queue"] == "failed"
    assert re.search(r"the oldest due job has waited for 96\d s, 900 s are allowed", caplog.text)


async def test_jobs_that_are_a_little_late_or_wait_for_their_time_do_no_harm(
    client: AsyncClient, session: AsyncSession
) -> None:
    await wait_for_a_worker(session, timedelta(minutes=14))
    await wait_for_a_worker(session, -timedelta(days=1))
    assert (await client.get("/readyz")).status_code == 200


async def test_queue_lag_may_be_left_out_of_readiness(
    client: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ready_max_queue_lag", None)
    await wait_for_a_worker(session, timedelta(days=1))
    assert (await client.get("/readyz")).status_code == 200


async def test_without_a_database_the_process_lives_but_is_not_ready(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(health, "Session", async_sessionmaker(away))

    assert (await client.get("/healthz")).status_code == 200
    response = await client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {
        "status": "unavailable",
        "checks": {"database": "failed", "migrations": "unknown", "queue": "unknown"},
    }, "strangers learn no more"
    assert "OperationalError" in caplog.text
