"""SQLite beside the event loop: real transactions, one trip per statement, and fair to writers.

Python's sqlite3 begins a transaction before INSERT, UPDATE, DELETE and REPLACE only. So a SAVEPOINT
that is the first statement is committed when it is released, and DDL is committed at once,
whatever happens to the request. Here every statement that is not a mere read begins one. A read
begins none: as on PostgreSQL (READ COMMITTED), each read sees what others have committed by then,
and a later write can't fail because the data changed since the first read (SQLITE_BUSY_SNAPSHOT).

aiosqlite asks its thread four times for one SELECT: for a cursor, to execute, to fetch, to close.
With every trip the interpreter switches threads, which costs more than the statement does.

SQLite lets one connection write at a time. The others ask again every tenth of a second, in no
order, and under load one of them asked for 30 seconds in vain. So the connections of one process
stand in a queue here. Writers in other processes are still waited for in SQLite's way.

And a search that knows the upper case of every language, as PostgreSQL's does.
"""

import asyncio
import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self
from weakref import WeakKeyDictionary

import aiosqlite
from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, event

_READS = frozenset({"SELECT", "VALUES", "EXPLAIN", "PRAGMA"})
_ALONE = frozenset({"BEGIN", "VACUUM", "ATTACH", "DETACH"})
"""What SQLite refuses within a transaction."""
_FIRST_WORD = re.compile(r"(?:\s+|--[^\n]*\n|/\*.*?\*/)*(\w+)", re.DOTALL)
_CHANGES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)


def first_word(sql: str) -> str:
    """The keyword that a statement begins with, in upper case; comments don't count."""
    found = _FIRST_WORD.match(sql)
    return found[1].upper() if found else ""


def needs_transaction(sql: str) -> bool:
    """Whether the statement must not run outside of a transaction."""
    word = first_word(sql)
    if word == "WITH":
        return bool(_CHANGES.search(sql))
    return word not in _READS and word not in _ALONE


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, defaultdict[str, asyncio.Lock]]
_turns = WeakKeyDictionary()


class Connection(aiosqlite.Connection):
    """A connection whose cursors are made, used and closed in one trip.

    The first statement that writes waits for its turn, and begins a transaction. Both last until
    COMMIT or ROLLBACK.
    """

    def __init__(self, path: str, options: dict[str, Any]) -> None:
        super().__init__(partial(_open, path, **options), 64)
        self._path = path
        self._patience: float = options.get("timeout", 5)  # seconds, and sqlite3's own default
        self._turn: asyncio.Lock | None = None

    def cursor(self) -> "Cursor":  # type: ignore[override]  # SQLAlchemy wants no more than this
        return Cursor(self)

    async def wait_to_write(self) -> None:
        """Return when no other connection of this event loop writes; raises OperationalError."""
        if self._turn or self._path == ":memory:":  # which is its connection's alone
            return
        self._loop = asyncio.get_running_loop()
        turn = _turns.setdefault(self._loop, defaultdict(asyncio.Lock))[self._path]
        try:
            async with asyncio.timeout(self._patience):
                await turn.acquire()
        except TimeoutError:
            raise sqlite3.OperationalError("database is locked") from None
        self._turn = turn

    def _end_turn(self) -> None:
        if self._turn:
            self._turn.release()
            self._turn = None

    async def commit(self) -> None:
        """Commit; if that fails, it is still this connection's turn until `rollback`."""
        if self.in_transaction:
            await super().commit()
        self._end_turn()

    async def rollback(self) -> None:
        """Roll back what there is. After a mere SELECT, that is nothing: no trip."""
        try:
            if self.in_transaction:
                await super().rollback()
        finally:
            self._end_turn()

    def stop(self) -> asyncio.Future[Any] | None:
        """Each way to close comes by here: from the garbage collector in any thread, and twice
        if `close` is cancelled, after which a second call would get no answer.
        """
        if self._turn:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._end_turn)
        return super().stop() if self._running else None


class Cursor:
    """The result of one statement, all of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        await self._run(sql, lambda connection: connection.execute(sql, parameters))

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        await self._run(sql, lambda connection: connection.executemany(sql, parameters))

    async def _run(
        self, sql: str, statement: Callable[[sqlite3.Connection], sqlite3.Cursor]
    ) -> None:
        writes = needs_transaction(sql)
        if writes:
            await self._connection.wait_to_write()

        def run() -> None:
            connection = self._connection._conn
            if writes and not connection.in_transaction and connection.isolation_level is not None:
                connection.execute("BEGIN IMMEDIATE")  # AUTOCOMMIT has the level None
            cursor = statement(connection)
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else ()
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
            cursor.close()

        await self._connection._execute(run)  # type: ignore[no-untyped-call]

    async def fetchall(self) -> Sequence[Any]:
        return self._rows

    async def close(self) -> None:
        """It has been, by its own trip."""


def connect(dialect: Any, _record: object, arguments: Sequence[Any], options: Any) -> Any:
    """What SQLAlchemy's event `do_connect` asks for: a connection made of these classes."""

    def create(path: str, **options: Any) -> Connection:
        connection = Connection(path, options)
        connection._thread.daemon = True  # or a process that forgot to close it would not end
        return connection

    return dialect.dbapi.connect(*arguments, async_creator_fn=create, **options)


def _open(path: str, **options: Any) -> sqlite3.Connection:
    """SQLite's own `lower` knows ASCII alone: a search for `éva` would not find `Éva`."""
    connection: sqlite3.Connection = sqlite3.connect(path, **options)
    connection.create_function("lower", 1, _lower, deterministic=True)
    return connection


def _lower(value: Any) -> Any:  # whatever SQLite holds
    return value.lower() if isinstance(value, str) else value


def begin_before_anything(engine: Engine) -> None:
    """Let the transactions of a synchronous engine begin with BEGIN IMMEDIATE: DDL is part of them.

    See "Transactions with SQLite and the sqlite3 driver" in SQLAlchemy's documentation.
    """

    @event.listens_for(engine, "connect")
    def leave_it_to_us(connection: Any, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: SqlConnection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
