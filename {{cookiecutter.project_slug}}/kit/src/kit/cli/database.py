"""The commands of `manage` that change the database's schema."""

from typing import Annotated

import typer


def migrate(
    revision: Annotated[
        str, typer.Argument(help="Where to go: head, a revision, +1; backwards: -1, base.")
    ] = "head",
    kit: Annotated[
        bool, typer.Option("--kit", help="The tables of kit, instead of yours.")
    ] = False,
) -> None:
    """Bring the database up to date: the tables of kit, then yours."""
    from kit import migrations

    lines = migrations.migrate(revision, migrations.KIT if kit else None)
    for line in lines:
        typer.echo(line)
    if revision == "head":
        typer.echo("The database is up to date.")
    elif not lines:
        typer.echo(f"Nothing to do for {revision}.")


def makemigrations(
    message: Annotated[str, typer.Option("--message", "-m", help="What changes, in few words.")],
    kit: Annotated[bool, typer.Option("--kit", hidden=True)] = False,  # for those who work on it
) -> None:
    """Write a migration for what changed in the models; read it before you run it."""
    from kit import migrations

    warnings = migrations.make(message, migrations.KIT if kit else migrations.APP)
    if warnings is None:
        typer.echo("The models have not changed; nothing was written.")
    for warning in warnings or []:
        typer.echo(warning, err=True)
