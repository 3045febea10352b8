"""The commands of `manage` that change the database's schema."""

from typing import Annotated

import typer


def migrate(
    revision: Annotated[
        str, typer.Argument(help="Where to go: head, base, a revision, or relative: +1, -1.")
    ] = "head",
    kit: Annotated[
        bool, typer.Option("--kit", help="The tables of kit, instead of yours.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Only list what is applied.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Go backwards without asking.")] = False,
) -> None:
    """Bring the database up to date: the tables of kit, then yours."""
    from kit import migrations

    if list_:
        typer.echo("\n".join(migrations.list_migrations()))
        return
    plans = migrations.plan(revision, migrations.KIT if kit else None)
    for plan in plans:
        if plan.backwards and not yes:
            steps = "".join(f"\n  {migrations.describe(step)}" for step in plan.steps)
            typer.confirm(
                f"This undoes{steps}\nand deletes the rows in what it made. Go on?", abort=True
            )
        for line in migrations.run(plan):
            typer.echo(line)
    if revision == "head":
        typer.echo("The database is up to date.")
    elif not any(plan.steps for plan in plans):
        typer.echo(f"The database is at {revision} already.")


def makemigrations(
    message: Annotated[str, typer.Option("--message", "-m", help="What changes, in a few words.")],
    empty: Annotated[bool, typer.Option("--empty", help="Write one to fill in by hand.")] = False,
    merge: Annotated[bool, typer.Option("--merge", help="Join two newest migrations.")] = False,
    kit: Annotated[bool, typer.Option("--kit", hidden=True)] = False,  # for those who work on it
) -> None:
    """Write a migration for what changed in the models; read it before you run it."""
    from kit import migrations

    history = migrations.KIT if kit else migrations.APP
    if empty:
        migrations.make_empty(message, history)
    elif merge:
        if not migrations.merge(message, history):
            typer.echo("There is only one newest migration; nothing was written.")
    else:
        warnings = migrations.make(message, history)
        if warnings is None:
            typer.echo("The models have not changed; nothing was written.")
        for warning in warnings or []:
            typer.echo(warning, err=True)
