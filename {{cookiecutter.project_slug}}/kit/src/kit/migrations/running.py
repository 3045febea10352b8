"""Bringing the database up to date, and saying where it is."""

from functools import cache
from pathlib import Path
from traceback import extract_tb

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import __version__
from kit.migrations.histories import APP, HISTORIES, KIT, History

Revisions = frozenset[tuple[str, str]]
"""Pairs of a history's name and a revision of it."""


def migrate(revision: str = "head", history: History | None = None) -> list[str]:
    """Bring the database to `revision` of a history, backwards where that lies behind.

    Without a history: both to their heads, or the application's to another revision. Returns a
    line for each migration that was run or undone. Raises SystemExit, with one line, where there
    is no such revision, where the database can't be reached, and where it refuses a migration.
    """
    both = history is None and revision == "head"
    histories = HISTORIES if both else [history or APP]
    return [line for each in histories for line in _migrate(each, revision)]


def _migrate(history: History, revision: str) -> list[str]:
    from alembic import command
    from alembic.util import CommandError

    backwards = revision == "base" or revision.startswith("-")
    config = history.config()
    try:
        (command.downgrade if backwards else command.upgrade)(config, revision)
    except CommandError as error:
        raise SystemExit(f"migrate: {history.name}: {error}") from None
    except DBAPIError as error:
        first_line = str(error).split("\n", 1)[0]
        where = _place_in_migration(error, history) or "the database can't be used"
        raise SystemExit(f"migrate: {where}: {first_line}") from None
    return [
        f"{history.name}: {'applied' if step.is_upgrade else 'undid'} "
        f"{step.up_revision_id} {(step.up_revision.doc if step.up_revision else '') or ''}".rstrip()
        for step in config.attributes.get("steps", [])
    ]


def _place_in_migration(error: Exception, history: History) -> str | None:
    """The line of the migration that led to an error."""
    for frame in reversed(extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(history.folder / "versions"):
            return f"{path.relative_to(history.folder.parent)}, line {frame.lineno}"
    return None


@cache
def heads() -> Revisions:
    """The newest revisions that this code brings, of both histories."""
    return frozenset((it.name, head) for it in HISTORIES for head in it.scripts.get_heads())


async def applied(db: AsyncSession) -> Revisions:
    """The revisions that the database is at; none if it was never migrated.

    Raises SQLAlchemyError if it does not answer.
    """
    return await (await db.connection()).run_sync(_applied)


def _applied(connection: Connection) -> Revisions:
    found = set()
    tables = set(inspect(connection).get_table_names())
    for history in HISTORIES:
        if history.version_table in tables:
            rows = connection.execute(text(f"SELECT version_num FROM {history.version_table}"))  # noqa: S608 - a constant
            found |= {(history.name, revision) for revision in rows.scalars()}
    return frozenset(found)


def mismatch(applied: Revisions) -> str | None:
    """Why this code can't work on a database that is at these revisions, and what helps."""
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
    behind = " and ".join(sorted({name for name, _ in heads() - applied}))
    return f"The database is not at the newest migration of {behind}; run `manage migrate` first."
