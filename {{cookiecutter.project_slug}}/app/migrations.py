"""Alembic from within: what `manage`, `/readyz` and the tests call."""

from functools import cache
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.operations.ops import OpContainer

ROOT = Path(__file__).parent.parent


def migrate(revision: str = "head") -> None:
    """Bring the database to `revision`, backwards where that lies behind.

    Raises SystemExit, with one line, where there is no such revision, where the database can't be
    reached, and where it refuses what a migration does.
    """
    from alembic import command
    from alembic.util import CommandError

    backwards = revision == "base" or revision.startswith("-")
    try:
        (command.downgrade if backwards else command.upgrade)(config(), revision)
    except CommandError as error:
        raise SystemExit(f"migrate: {error}") from None
    except DBAPIError as error:
        first_line = str(error).split("\n", 1)[0]
        where = _place_in_migration(error) or "the database can't be used"
        raise SystemExit(f"migrate: {where}: {first_line}") from None


def _place_in_migration(error: Exception) -> str | None:
    """The line of the migration that led to an error."""
    for frame in reversed(extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(ROOT / "migrations" / "versions"):
            return f"{Path(frame.filename).relative_to(ROOT)}, line {frame.lineno}"
    return None


def make(message: str) -> list[str] | None:
    """Write a migration for what changed in the models; return what to look at in it.

    None: nothing changed, nothing was written. Raises SystemExit, with one line, where older
    migrations have not been run.
    """
    from alembic import command
    from alembic.operations.ops import MigrationScript
    from alembic.runtime.migration import MigrationContext
    from alembic.util import CommandError

    warnings: list[str] | None = None

    def keep_if_changed(
        _context: MigrationContext, _revision: object, scripts: list[MigrationScript]
    ) -> None:
        nonlocal warnings
        changes = scripts[0].upgrade_ops
        if changes is None or changes.is_empty():
            scripts.clear()
        else:
            warnings = _warnings(changes)

    try:
        command.revision(
            config(), message, autogenerate=True, process_revision_directives=keep_if_changed
        )
    except CommandError as error:
        reason = str(error).rstrip(".")
        raise SystemExit(f"makemigrations: {reason}; run `manage migrate` first") from None
    return warnings


def _warnings(changes: "OpContainer") -> list[str]:
    """What no tool can know: the values of a new column, and that two names mean one column."""
    from alembic.operations.ops import AddColumnOp, DropColumnOp, OpContainer

    found = []
    for table in (change for change in changes.ops if isinstance(change, OpContainer)):
        added = [change.column for change in table.ops if isinstance(change, AddColumnOp)]
        dropped = [change.column_name for change in table.ops if isinstance(change, DropColumnOp)]
        for column in added:
            name = f"{getattr(table, 'table_name', '')}.{column.name}"
            if not column.nullable and column.server_default is None:
                found.append(f"{name}: rows that exist need a value; give it a server_default.")
            if dropped:
                names = " or ".join(dropped)
                found.append(
                    f"{name}: if this is {names}, renamed, use new_column_name, or it is lost."
                )
    return found


@cache
def heads() -> frozenset[str]:
    """The newest revisions that this code brings."""
    from alembic.script import ScriptDirectory

    return frozenset(ScriptDirectory.from_config(config()).get_heads())


async def applied(session: AsyncSession) -> frozenset[str]:
    """The revisions that the database is at; none if it was never migrated.

    Raises SQLAlchemyError if it does not answer.
    """
    connection = await session.connection()
    try:
        rows = await connection.execute(text("SELECT version_num FROM alembic_version"))
    except SQLAlchemyError:
        return frozenset()
    return frozenset(rows.scalars())


def config() -> "Config":
    """Alembic's configuration from pyproject.toml: the same that the `alembic` command reads."""
    from alembic.config import Config

    return Config(toml_file=ROOT / "pyproject.toml")
