"""`manage`: what there is to do with the project from a terminal.

A `commands.py` of `app` adds its own, as Typer commands:

    from kit.cli import manage, run

    @manage.command()
    def close_shop(day: str) -> None:
        \"\"\"Close the shop for a day.\"\"\"
        from app.shop import service

        run(lambda db: service.close(db, day))
"""

from kit.cli.commands import load_commands, main, manage
from kit.cli.running import require_migrations, run

__all__ = ["load_commands", "main", "manage", "require_migrations", "run"]
