"""The migrations in `migrations/`."""

from alembic import command
from kit.database import engine
from kit.migrations import APP, HISTORIES, applied, heads, migrate
from sqlalchemy import inspect
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

VERSION_TABLES = {history.version_table for history in HISTORIES}


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def test_models_and_migrations_agree() -> None:
    command.check(APP.config())


async def test_migrations_go_down_and_up_again(session: AsyncSession) -> None:
    own = {table for table in SQLModel.metadata.tables if APP.owns(table)}
    await session.close()

    undone = migrate("base", APP)
    async with engine.connect() as connection:
        left = await connection.run_sync(tables)
    done = migrate()

    assert left == {*SQLModel.metadata.tables, *VERSION_TABLES} - own
    assert [line.replace("applied", "undid") for line in done] == undone[::-1]
    async with engine.connect() as connection:
        assert await connection.run_sync(tables) == {*SQLModel.metadata.tables, *VERSION_TABLES}
    assert await applied(session) == heads()
