"""`manage createsuperuser`.

The imports are inside the command: `manage --help` loads this file, and should stay quick.
"""

from typing import Annotated

import typer
from kit.cli import manage, require_migrations, run


@manage.command()
def createsuperuser(
    email: Annotated[
        str, typer.Option(prompt=True, help="Their e-mail address; asked for if not given.")
    ],
    password: Annotated[
        str,
        typer.Option(
            prompt=True,
            hide_input=True,
            confirmation_prompt=True,
            envvar="SUPERUSER_PASSWORD",
            help="Asked for if not given, which is better; or in the environment.",
        ),
    ],
    full_name: Annotated[str, typer.Option(help="Their name.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask first.")] = False,
) -> None:
    """Make an account that may do everything, or give that right to an existing one."""
    from app.accounts.service import create_superuser, find_user

    require_migrations()
    if not yes and run(lambda db: find_user(db, email.strip().lower())):
        typer.confirm(
            f"{email} has an account. Replace its password, sign it out everywhere, and let it do "
            "everything?",
            abort=True,
        )
    user = run(lambda db: create_superuser(db, email, password, full_name))
    typer.echo(f"{user.email} is a superuser.")
