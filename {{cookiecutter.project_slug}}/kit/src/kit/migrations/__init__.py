"""Two migration histories in one database: kit's own, and the application's in `migrations/`.

Each has its own version table, so neither forks the other. `migrate` runs kit's first: your tables
may refer to kit's.
"""

from kit.migrations.histories import APP, HISTORIES, KIT, History
from kit.migrations.making import make
from kit.migrations.running import applied, heads, migrate, mismatch

__all__ = [
    "APP",
    "HISTORIES",
    "KIT",
    "History",
    "applied",
    "heads",
    "make",
    "migrate",
    "mismatch",
    "run_environment",
]


def run_environment() -> None:
    """Do what an `env.py` has to: run Alembic's command on the database of the settings."""
    from kit.migrations.environment import run_environment

    run_environment()
