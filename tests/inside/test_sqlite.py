"""Writers on SQLite: one at a time, in the order in which they came, and nobody is forgotten."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from kit.database.sessions import create_engine
from kit.settings import settings
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

INSERT = text("INSERT INTO numbers VALUES (:number)")


def url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder}/numbers.db"


@pytest.fixture
async def numbers(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """A database with one table."""
    engine = create_engine(url(tmp_path))
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE numbers (number INTEGER PRIMARY KEY)"))
    yield engine
    await engine.dispose()


async def insert(numbers: AsyncEngine, number: int) -> None:
    async with numbers.begin() as connection:
        await connection.execute(INSERT, {"number": number})


async def rows(numbers: AsyncEngine) -> list[int]:
    async with numbers.connect() as connection:
        found = await connection.execute(text("SELECT number FROM numbers ORDER BY rowid"))
        return list(found.scalars())


async def test_writers_have_their_turns_in_the_order_in_which_they_came(
    numbers: AsyncEngine,
) -> None:
    written: list[int] = []

    async def write(number: int, waits: asyncio.Event) -> None:
        async with numbers.begin() as connection:
            await connection.execute(text("SELECT 1"))
            waits.set()
            await connection.execute(INSERT, {"number": number})
            written.append(number)

    async with numbers.begin() as connection, asyncio.TaskGroup() as group:
        await connection.execute(INSERT, {"number": 100})
        for number in range(10):
            waits = asyncio.Event()
            group.create_task(write(number, waits))
            await waits.wait()
        assert await rows(numbers) == []  # readers need not wait
        await connection.commit()
    assert written == list(range(10))


async def test_one_connection_writes_several_rows_in_its_turn(numbers: AsyncEngine) -> None:
    async with numbers.begin() as connection:
        await connection.execute(INSERT, {"number": 1})
        await connection.execute(INSERT, [{"number": 2}, {"number": 3}])
    await insert(numbers, 4)
    assert await rows(numbers) == [1, 2, 3, 4]


async def test_a_writer_that_waits_too_long_is_told_what_sqlite_would_say(
    numbers: AsyncEngine, tmp_path: Path
) -> None:
    impatient = create_engine(f"{url(tmp_path)}?timeout=0.1")
    async with numbers.begin() as connection:
        await connection.execute(INSERT, {"number": 1})
        with pytest.raises(OperationalError, match="database is locked"):
            await insert(impatient, 2)
    await insert(impatient, 3)
    assert await rows(numbers) == [1, 3]
    await impatient.dispose()


async def test_a_statement_that_fails_does_not_keep_others_waiting(numbers: AsyncEngine) -> None:
    await insert(numbers, 1)
    with pytest.raises(IntegrityError):
        await insert(numbers, 1)
    await insert(numbers, 2)
    assert await rows(numbers) == [1, 2]


@pytest.mark.parametrize("waiting", [False, True], ids=["that writes", "that waits"])
async def test_a_writer_that_is_cancelled_does_not_keep_others_waiting(
    numbers: AsyncEngine, waiting: bool
) -> None:
    begun = asyncio.Event()

    async def write() -> None:
        async with numbers.begin() as connection:
            if waiting:
                begun.set()
            await connection.execute(INSERT, {"number": 1})
            begun.set()
            await asyncio.Event().wait()

    async with numbers.connect() as other:
        if waiting:
            await other.execute(INSERT, {"number": 2})
        writer = asyncio.create_task(write())
        await begun.wait()
        writer.cancel()
        await asyncio.wait([writer])
        await other.commit()
    await insert(numbers, 3)
    assert await rows(numbers) == ([2, 3] if waiting else [3])


async def test_a_writer_may_be_cancelled_at_any_moment(numbers: AsyncEngine) -> None:
    for number in count():
        writer = asyncio.create_task(insert(numbers, number))
        await asyncio.wait([writer], timeout=number * 0.0003)  # each a little later than the last
        if not writer.cancel():
            break
        await asyncio.wait([writer])
    assert number in await rows(numbers)


async def test_a_connection_that_was_forgotten_does_not_keep_others_waiting(
    numbers: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await numbers.connect()
    await connection.execute(INSERT, {"number": 1})
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw
    other = asyncio.create_task(insert(numbers, 2))
    await asyncio.wait([other], timeout=0.1)
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "slow_callback_duration", 60)  # no word of that
    loop.set_debug(True)  # it finds what another thread must not do
    try:
        await asyncio.to_thread(raw.stop)  # as the garbage collector does, in whichever thread
    finally:
        loop.set_debug(False)
    await other
    assert await rows(numbers) == [2]
    await connection.invalidate()


async def test_a_connection_that_is_cut_off_does_not_keep_others_waiting(
    numbers: AsyncEngine,
) -> None:
    async with numbers.connect() as connection:
        await connection.execute(INSERT, {"number": 1})
        await connection.invalidate()
    await insert(numbers, 2)
    assert await rows(numbers) == [2]


async def test_connections_are_kept_for_as_many_as_work_at_once(numbers: AsyncEngine) -> None:
    made: list[object] = []
    event.listen(numbers.sync_engine, "connect", lambda connection, _: made.append(connection))
    at_once = settings.tasks_concurrency + 5

    async def use(everybody: asyncio.Barrier) -> None:
        async with numbers.connect() as connection, everybody:
            await connection.execute(text("SELECT 1"))

    for _ in range(2):
        everybody = asyncio.Barrier(at_once)
        await asyncio.gather(*(use(everybody) for _ in range(at_once)))
    assert len(made) < at_once
