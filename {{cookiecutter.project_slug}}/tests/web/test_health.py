import pytest
from httpx2 import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlmodel.ext.asyncio.session import AsyncSession

from app import database
from app.migrations import heads
from app.web import health


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_living_process_says_so(client: AsyncClient, method: str) -> None:
    assert (await client.request(method, "/healthz")).status_code == 200


async def test_a_migrated_database_is_ready(client: AsyncClient) -> None:
    response = await client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["checks"] == {"database": "ok", "migrations": "ok"}


async def test_a_database_that_is_not_at_head_is_not_ready(
    client: AsyncClient, session: AsyncSession
) -> None:
    async def write(revision: str) -> None:
        connection = await session.connection()
        await connection.execute(
            text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
        )
        await session.commit()

    (head,) = heads()
    await write("older")
    try:
        response = await client.get("/readyz")
    finally:
        await write(head)

    assert response.status_code == 503
    assert response.json()["checks"] == {"database": "ok", "migrations": "not at head"}


async def test_without_a_database_the_process_lives_but_is_not_ready(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = database.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(health, "Session", async_sessionmaker(away))

    assert (await client.get("/healthz")).status_code == 200
    response = await client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "OperationalError"
