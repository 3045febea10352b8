"""What the application says while PostgreSQL is away, and what it makes of an odd one."""

import signal
from contextlib import nullcontext
from datetime import timedelta

import httpx2
import psycopg
import pytest
from kit.database import sessions
from kit.testing import Manage, PostgreSQL
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

pytestmark = pytest.mark.service

ANNA = {"email": "anna@example.com", "password": "correct horse battery", "full_name": "Ánná Ő"}


@pytest.mark.timeout(120)
async def test_requests_are_put_off_while_it_restarts(
    postgresql: PostgreSQL, manage: Manage
) -> None:
    settings = {"DATABASE_URL": postgresql.url, "TASKS_ENGINE": "inprocess"}
    manage.migrate(**settings)
    web, url = manage.serve(**settings)
    async with httpx2.AsyncClient(base_url=f"{url}/api/v1", timeout=30) as client:
        postgresql.kill()
        away = await client.post("/auth/register", json=ANNA)
        postgresql.start()
        back = await client.post("/auth/register", json=ANNA)
    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert back.status_code == 202
    assert web.stop() == -signal.SIGTERM


def test_texts_survive_a_database_that_knows_no_encoding(
    postgresql: PostgreSQL, manage: Manage
) -> None:
    """As `createdb` makes them where a cluster was made without a locale."""
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE odd TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    settings = {"DATABASE_URL": postgresql.url.removesuffix("/postgres") + "/odd"}
    manage.migrate(**settings)
    name = "Ánná Ő"
    shell = manage.start(
        *("shell", "-c"),
        f"async with Session() as session:\n"
        f"    session.add(User(email='a@example.com', full_name={name!r}, password_hash='-'))\n"
        f"    await session.commit()\n"
        f"    session.expunge_all()\n"
        f"    print((await session.exec(select(User))).one().full_name)",
        **settings,
    )
    assert shell.wait() == 0, shell.output
    assert name in shell.output


@pytest.mark.parametrize(("idle", "dies"), [(timedelta(0), False), (timedelta(hours=1), True)])
async def test_a_connection_that_died_while_it_was_idle_is_replaced(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch, idle: timedelta, dies: bool
) -> None:
    """One that was in use a moment ago is not asked first: that would cost a round trip."""
    monkeypatch.setattr(sessions, "PING_AFTER", idle)
    engine = sessions.create_engine(postgresql.url.replace("postgresql:", "postgresql+psycopg:"))

    async def ask() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    await ask()
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> %s"
        connection.execute(others, [connection.info.backend_pid])
    with pytest.raises(OperationalError) if dies else nullcontext():
        await ask()
    await ask()
    await engine.dispose()
