"""Writing a migration for what changed in the models."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from kit.migrations.histories import APP, History
from kit.migrations.planning import two_heads
from kit.migrations.state import applied_now, mismatch

if TYPE_CHECKING:
    from alembic.operations.ops import OpContainer


def make(message: str, history: History = APP) -> list[str] | None:
    """Write a migration for what changed in the models; return what to look at in it.

    None: nothing changed, nothing was written. Raises SystemExit, with one line, where older
    migrations have not been run.
    """
    from alembic import command
    from alembic.operations.ops import MigrationScript
    from alembic.runtime.migration import MigrationContext

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

    _require_current(history)
    with _explained():
        command.revision(
            history.config(),
            message,
            autogenerate=True,
            process_revision_directives=keep_if_changed,
        )
    return warnings


def make_empty(message: str, history: History = APP) -> None:
    """Write a migration to be filled in by hand, as for data. Raises SystemExit with one line."""
    from alembic import command

    with _explained():
        command.revision(history.config(), message)


def merge(message: str, history: History = APP) -> bool:
    """Write a migration that joins two newest ones. Return whether there were two.

    Raises SystemExit with one line.
    """
    from alembic import command

    heads = history.scripts.get_heads()
    if len(heads) < 2:
        return False
    with _explained():
        command.merge(history.config(), [*heads], message)
    return True


def _require_current(history: History) -> None:
    """Models are compared with the database, which must have what the migrations make."""
    heads = history.scripts.get_heads()
    if len(heads) > 1:
        raise SystemExit(f"makemigrations: {two_heads(history, heads)}")
    with _explained():
        problem = mismatch(applied_now())
    if problem:
        raise SystemExit(f"makemigrations: {problem}")


@contextmanager
def _explained() -> Iterator[None]:
    from alembic.util import CommandError

    try:
        yield
    except CommandError as error:
        raise SystemExit(f"makemigrations: {error}") from None
    except SQLAlchemyError as error:
        first_line = str(error).split("\n", 1)[0]
        raise SystemExit(f"makemigrations: the database can't be used: {first_line}") from None
    except ModuleNotFoundError as error:  # ruff, which formats what was written
        raise SystemExit(
            f"makemigrations: written, but not formatted: {error.name} is not installed"
        ) from None


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
