"""Writing a migration for what changed in the models."""

from typing import TYPE_CHECKING

from kit.migrations.histories import APP, History

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
            history.config(),
            message,
            autogenerate=True,
            process_revision_directives=keep_if_changed,
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
