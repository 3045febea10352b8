"""The same scripts leave the same rows behind, on SQLite as on PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from kit.database import Session, engine
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession


class Broken(Exception):
    """What a request raises in the end."""


async def insert(db: AsyncSession, number: int) -> None:
    await db.connection()
    await db.exec(text("INSERT INTO scratch VALUES (:number)"), params={"number": number})  # type: ignore[call-overload]


async def a_savepoint_is_released_and_the_request_fails(db: AsyncSession) -> None:
    async with db.begin_nested():
        await insert(db, 1)
    raise Broken


async def a_savepoint_is_released_first_and_more_is_written(db: AsyncSession) -> None:
    async with db.begin_nested():
        await insert(db, 1)
    await insert(db, 2)
    await db.commit()


async def a_savepoint_is_rolled_back_and_the_rest_is_committed(db: AsyncSession) -> None:
    await insert(db, 1)
    with suppress(Broken):
        async with db.begin_nested():
            await insert(db, 2)
            raise Broken
    await insert(db, 3)
    await db.commit()


async def the_inner_of_two_savepoints_is_rolled_back(db: AsyncSession) -> None:
    async with db.begin_nested():
        await insert(db, 1)
        with suppress(Broken):
            async with db.begin_nested():
                await insert(db, 2)
                raise Broken
        await insert(db, 3)
    await db.commit()


async def the_outer_of_two_savepoints_is_rolled_back(db: AsyncSession) -> None:
    await insert(db, 1)
    with suppress(Broken):
        async with db.begin_nested():
            async with db.begin_nested():
                await insert(db, 2)
            raise Broken
    await db.commit()


async def a_statement_fails_in_a_savepoint_and_the_session_goes_on(db: AsyncSession) -> None:
    await insert(db, 1)
    with pytest.raises(IntegrityError):
        async with db.begin_nested():
            await insert(db, 1)
    await insert(db, 2)
    await db.commit()


async def a_statement_fails_and_all_before_it_is_rolled_back(db: AsyncSession) -> None:
    await insert(db, 1)
    with pytest.raises(IntegrityError):
        await insert(db, 1)
    await db.rollback()
    await insert(db, 2)
    await db.commit()


async def a_read_becomes_a_write(db: AsyncSession) -> None:
    """Another request writes in between, which SQLite may hold against a transaction."""
    await db.exec(text("SELECT * FROM scratch"))  # type: ignore[call-overload]
    async with Session() as other:
        await insert(other, 1)
        await other.commit()
    await insert(db, 2)
    await db.commit()


async def a_table_is_made_and_the_request_fails(db: AsyncSession) -> None:
    await db.exec(text("CREATE TABLE half_made (number INTEGER)"))  # type: ignore[call-overload]
    raise Broken


async def a_comment_comes_before_the_statement(db: AsyncSession) -> None:
    await db.exec(text("/* why */ -- and how\n INSERT INTO scratch VALUES (1)"))  # type: ignore[call-overload]
    raise Broken


async def rows_are_written_by_a_common_table_expression(db: AsyncSession) -> None:
    statement = "WITH one AS (SELECT 1 AS number) INSERT INTO scratch SELECT number FROM one"
    await db.exec(text(statement))  # type: ignore[call-overload]
    raise Broken


Script = Callable[[AsyncSession], Awaitable[None]]
SCRIPTS: dict[Script, list[int]] = {
    a_savepoint_is_released_and_the_request_fails: [],
    a_savepoint_is_released_first_and_more_is_written: [1, 2],
    a_savepoint_is_rolled_back_and_the_rest_is_committed: [1, 3],
    the_inner_of_two_savepoints_is_rolled_back: [1, 3],
    the_outer_of_two_savepoints_is_rolled_back: [1],
    a_statement_fails_in_a_savepoint_and_the_session_goes_on: [1, 2],
    a_statement_fails_and_all_before_it_is_rolled_back: [2],
    a_read_becomes_a_write: [1, 2],
    a_table_is_made_and_the_request_fails: [],
    a_comment_comes_before_the_statement: [],
    rows_are_written_by_a_common_table_expression: [],
}


@pytest.fixture
async def scratch() -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE scratch (number INTEGER PRIMARY KEY)"))
    yield
    async with engine.begin() as connection:
        await connection.execute(text("DROP TABLE scratch"))
        await connection.execute(text("DROP TABLE IF EXISTS half_made"))


@pytest.mark.parametrize(
    ("script", "left"), SCRIPTS.items(), ids=[script.__name__ for script in SCRIPTS]
)
async def test_what_is_left_in_the_tables(scratch: None, script: Script, left: list[int]) -> None:
    try:
        async with Session() as db:
            await script(db)
    except Broken:
        pass

    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT number FROM scratch ORDER BY number"))
        assert list(rows.scalars()) == left
        with pytest.raises(DBAPIError):
            await connection.execute(text("SELECT * FROM half_made"))
