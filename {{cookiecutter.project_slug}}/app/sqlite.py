"""SQLite beside the event loop, with one trip to its thread for each statement.

aiosqlite asks its thread four times for one SELECT: for a cursor, to execute, to fetch, to close.
With every trip the interpreter changes threads, which costs more than the statement does.
And a search that knows the upper case of every language, as PostgreSQL's does.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Self

import aiosqlite


class Connection(aiosqlite.Connection):
    """A connection whose cursors are made, used and closed in one trip."""

    def cursor(self) -> "Cursor":  # type: ignore[override]  # SQLAlchemy wants no more than this
        return Cursor(self)


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
        await self._run(lambda connection: connection.execute(sql, parameters))

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        await self._run(lambda connection: connection.executemany(sql, parameters))

    async def _run(self, statement: Callable[[sqlite3.Connection], sqlite3.Cursor]) -> None:
        def run() -> None:
            cursor = statement(self._connection._conn)
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
        connection = Connection(partial(_open, path, **options), 64)
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
