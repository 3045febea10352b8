"""Two migration histories in one database: kit's own, and the application's in `migrations/`.

Each has its own version table, so neither forks the other. `migrate` runs kit's first: your tables
may refer to kit's.
"""

from kit.migrations.histories import APP, HISTORIES, KIT, History
from kit.migrations.making import make, make_empty, merge
from kit.migrations.planning import MigrationFailed, Plan, describe, plan
from kit.migrations.running import list_migrations, migrate, run
from kit.migrations.state import applied, heads, mismatch

__all__ = [
    "APP",
    "HISTORIES",
    "KIT",
    "History",
    "MigrationFailed",
    "Plan",
    "applied",
    "describe",
    "heads",
    "list_migrations",
    "make",
    "make_empty",
    "merge",
    "migrate",
    "mismatch",
    "plan",
    "run",
    "run_environment",
]


def run_environment() -> None:
    """Do what an `env.py` has to: run Alembic's command on the database of the settings."""
    from kit.migrations.environment import run_environment

    run_environment()
