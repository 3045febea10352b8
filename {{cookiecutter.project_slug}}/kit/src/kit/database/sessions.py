"""The engine, and the session that every request and every task works with."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import URL, Column, Enum, event, exc, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.database import sqlite
from kit.settings import settings

# Constraints need names that are the same everywhere, or migrations can't drop them.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


@event.listens_for(Column, "before_parent_attach")
def _store_enums_as_text(column: Column[Any], _table: object) -> None:
    """Keep the members' names in a VARCHAR, on every database.

    PostgreSQL's own enum types need a migration for each new member, which Alembic doesn't write,
    and outlive their column.
    """
    kind = column.type
    if isinstance(kind, Enum) and kind.native_enum and kind.enum_class:
        column.type = Enum(kind.enum_class, native_enum=False, length=LONGEST_MEMBER)


LONGEST_MEMBER = 50
"""Characters of an enum's member: fixed, so that a longer member changes no column."""


def utcnow() -> datetime:
    """The current time: UTC, and aware of it."""
    return datetime.now(UTC)


POOL = {"pool_size": settings.tasks_concurrency + 5, "max_overflow": 10, "pool_use_lifo": True}
"""As many connections are kept as a process's jobs need, and a few requests. Overflow is closed
after each use and made anew for the next, which takes longer than most uses. But PostgreSQL can't
have many that idle, so it is there for peaks.
"""

PING_AFTER = timedelta(seconds=1)
"""A connection that has been idle for longer may be dead: the server was restarted, say. A busy
one finds out by itself, and one request of many answers 503."""

NOTICE_SILENCE = {
    "connect_timeout": 10,
    **{"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3},
    "tcp_user_timeout": 30_000,
}
"""A PostgreSQL whose packets are dropped, as after a failover, is noticed within half a minute;
Linux alone would wait for a quarter of an hour. Seconds, the last in milliseconds; a URL may
say otherwise. See https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

UTF_8 = {"client_encoding": "utf8"}
"""Whatever the database says of itself: from one of SQL_ASCII, texts would come as bytes."""


def create_engine(url: str) -> AsyncEngine:
    """An engine for `url`; parameters never reach logs or error texts."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_async_engine(
            parsed,
            hide_parameters=True,
            **POOL,
            connect_args=_unless_said(parsed, NOTICE_SILENCE | UTF_8),
        )
        _ping_idle_connections(engine)
        return engine
    memory = parsed.database in (None, "", ":memory:") or parsed.query.get("mode") == "memory"
    if not memory:
        Path(str(parsed.database)).parent.mkdir(0o700, parents=True, exist_ok=True)
    engine = create_async_engine(
        parsed,
        hide_parameters=True,
        **({} if memory else POOL),  # of one connection, or there were many databases
        connect_args=_unless_said(parsed, {"timeout": 30}),
    )
    event.listen(engine.sync_engine, "do_connect", sqlite.connect)
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    return engine


def _ping_idle_connections(engine: AsyncEngine) -> None:
    """See that a connection still lives before it is used again, if it was idle for a while.

    SQLAlchemy's `pool_pre_ping` asks before each use, which costs a round trip in every request.
    """
    pool, dialect = engine.sync_engine.pool, engine.sync_engine.dialect

    @event.listens_for(pool, "checkin")
    def note_the_time(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = monotonic()

    @event.listens_for(pool, "checkout")
    def ping(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        if monotonic() - record.info.get("idle_since", monotonic()) < PING_AFTER.total_seconds():
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error:
            raise exc.InvalidatePoolError from None  # and SQLAlchemy tries another one


def _unless_said(url: URL, options: dict[str, Any]) -> dict[str, Any]:
    return {option: value for option, value in options.items() if option not in url.query}


def _set_up_sqlite(connection: Any, _: object) -> None:
    """What SQLite leaves off for old files' sake, and a server needs.

    WAL lets readers work beside the one writer. `synchronous` stays FULL: what was
    committed survives a power cut. See https://www.sqlite.org/pragma.html
    """
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def is_away(error: Exception) -> bool:
    """Whether the database, or room in the pool, can't be had just now: the same may work later.

    PostgreSQL's drivers say OperationalError for no more than that, SQLite for wrong SQL as well.
    """
    if isinstance(error, exc.OperationalError):
        return getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR
    return isinstance(error, exc.TimeoutError)


try:
    engine = create_engine(settings.database_url)
except (exc.ArgumentError, ValueError):  # whose words quote it, password and all
    raise SystemExit(
        "DATABASE_URL: is no URL such as postgresql://user:password@host:5432/name"
    ) from None
Session = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)


async def get_session() -> AsyncIterator[AsyncSession]:
    """A session that commits once when the route has returned, before the answer is sent.

    Any exception rolls everything back: nothing is half written.
    """
    async with Session() as db:
        yield db
        await db.commit()


SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
