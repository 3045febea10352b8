"""Alembic from within: what `manage`, `/readyz` and the tests call."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession

if TYPE_CHECKING:
    from alembic.config import Config

ROOT = Path(__file__).parent.parent


def migrate(revision: str = "head") -> None:
    """Bring the database to `revision`, backwards where that lies behind.

    Raises SystemExit, with one line, where there is no such revision.
    """
    from alembic import command
    from alembic.util import CommandError

    backwards = revision == "base" or revision.startswith("-")
    try:
        (command.downgrade if backwards else command.upgrade)(config(), revision)
    except CommandError as error:
        raise SystemExit(f"migrate: {error}") from None
    except OperationalError as error:
        first_line = str(error).split("\n", 1)[0]
        raise SystemExit(f"migrate: the database can't be used: {first_line}") from None


def make(message: str) -> bool:
    """Write a migration for what changed in the models; return whether anything did."""
    from alembic import command
    from alembic.operations.ops import MigrationScript
    from alembic.runtime.migration import MigrationContext
    from alembic.util import CommandError

    changed = False

    def keep_if_changed(
        _context: MigrationContext, _revision: object, scripts: list[MigrationScript]
    ) -> None:
        nonlocal changed
        changed = not (scripts[0].upgrade_ops is None or scripts[0].upgrade_ops.is_empty())
        if not changed:
            scripts.clear()

    try:
        command.revision(
            config(), message, autogenerate=True, process_revision_directives=keep_if_changed
        )
    except CommandError as error:
        reason = str(error).rstrip(".")
        raise SystemExit(f"makemigrations: {reason}; run `manage migrate` first") from None
    return changed


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
