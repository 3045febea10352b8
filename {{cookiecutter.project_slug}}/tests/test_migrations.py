from alembic import command
from sqlalchemy import inspect
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from app.database import engine
from app.migrations import applied, config, heads, migrate


def test_models_and_migrations_agree() -> None:
    command.check(config())


async def test_migrations_go_down_and_up_again(session: AsyncSession) -> None:
    def tables(connection: Connection) -> set[str]:
        return set(inspect(connection).get_table_names())

    await session.close()
    migrate("base")
    async with engine.connect() as connection:
        assert await connection.run_sync(tables) == {"alembic_version"}
    migrate()
    async with engine.connect() as connection:
        assert await connection.run_sync(tables) == {
            "alembic_version",
            *SQLModel.metadata.tables,
        }
    assert await applied(session) == heads()
