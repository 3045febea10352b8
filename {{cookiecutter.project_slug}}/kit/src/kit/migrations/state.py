"""Where the database is, and whether this code can work with it."""

from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, inspect, make_url, text
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import __version__
from kit.database.sessions import UTF_8
from kit.migrations.histories import HISTORIES, KIT
from kit.settings import settings

Revisions = frozenset[tuple[str, str]]
"""Pairs of a history's name and a revision of it."""


def make_sync_engine() -> Engine:
    """An engine without an event loop, for the database of the settings."""
    url = make_url(settings.database_url)
    url = url.set(drivername=url.drivername.replace("+aiosqlite", ""))
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite and url.database:
        Path(url.database).parent.mkdir(0o700, parents=True, exist_ok=True)
    connect_args: dict[str, Any] = {"timeout": 30} if is_sqlite else {**UTF_8}
    return create_engine(url, hide_parameters=True, poolclass=NullPool, connect_args=connect_args)


@cache
def heads() -> Revisions:
    """The newest revisions that this code brings, of both histories."""
    return frozenset((it.name, head) for it in HISTORIES for head in it.scripts.get_heads())


async def applied(db: AsyncSession) -> Revisions:
    """The revisions that the database is at; none if it was never migrated.

    Raises SQLAlchemyError if it does not answer.
    """
    return await (await db.connection()).run_sync(_applied)


def applied_now() -> Revisions:
    """The same, without an event loop."""
    with make_sync_engine().connect() as connection:
        return _applied(connection)


def _applied(connection: Connection) -> Revisions:
    found = set()
    tables = set(inspect(connection).get_table_names())
    for history in HISTORIES:
        if history.version_table in tables:
            rows = connection.execute(text(f"SELECT version_num FROM {history.version_table}"))  # noqa: S608 - a constant
            found |= {(history.name, revision) for revision in rows.scalars()}
    return frozenset(found)


def mismatch(applied: Revisions, *, behind: bool = True) -> str | None:
    """Why this code can't work on a database that is at these revisions, and what helps.

    behind: whether migrations that still have to be run are a reason, too.
    """
    if applied == heads():
        return None
    for history in HISTORIES:
        known = {script.revision for script in history.scripts.walk_revisions()}
        if unknown := {revision for name, revision in applied if name == history.name} - known:
            names = ", ".join(sorted(unknown))
            if history is KIT:
                return (
                    f"The database was migrated by another kit (revision {names}), which kit "
                    f"{__version__} does not know. Bring the folder kit/ up to date."
                )
            return (
                f"The database is at revision {names}, which migrations/ does not have. "
                "It was migrated by a newer version, or another branch, of this project."
            )
    if not behind:
        return None
    names = " and ".join(sorted({name for name, _ in heads() - applied}))
    return f"The database is not at the newest migration of {names}; run `manage migrate` first."
