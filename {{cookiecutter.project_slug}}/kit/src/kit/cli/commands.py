"""`manage`: the commands of the project.

Imports are inside the commands, so that `--help` is quick and works before anything is set up.
"""

import asyncio
from typing import Annotated

import typer

from kit.cli import database, serving
from kit.cli.jobs import jobs
from kit.cli.mail import mail
from kit.cli.running import stop

manage = typer.Typer(
    name="manage", no_args_is_help=True, pretty_exceptions_enable=False, help="Manage the project."
)
manage.add_typer(jobs, name="jobs")
manage.add_typer(mail, name="mail")

for command in (serving.dev, serving.serve, serving.worker, serving.scheduler):
    manage.command()(command)
# `manage migrate -1`: not an option, but one revision backwards.
manage.command(context_settings={"ignore_unknown_options": True})(database.migrate)
manage.command()(database.makemigrations)


@manage.command()
def sendtestemail(
    address: Annotated[str, typer.Argument(help="Where to send it.")],
) -> None:
    """Send a mail through MAIL_URL, now, to see whether it works."""
    from pydantic import ValidationError

    from kit.database import engine
    from kit.logging import configure_logging
    from kit.mail import close, send
    from kit.mail.emails import DeliveryTestEmail
    from kit.settings import settings

    async def send_and_log() -> str:
        try:
            return await send(DeliveryTestEmail(to=address))
        finally:
            await close()
            await engine.dispose()

    configure_logging()
    try:
        message_id = asyncio.run(send_and_log())
    except ValidationError as error:
        stop(f"{address}: {error.errors()[0]['msg']}")
    except Exception as error:  # whatever the server, the network or the disk said
        stop(f"not sent: {error}")
    typer.echo(f"Sent as <{message_id}> through {settings.mail_url.split(':', 1)[0]}.")


@manage.command()
def shell(
    command: Annotated[str | None, typer.Option("-c", help="Run this and leave.")] = None,
) -> None:
    """A Python prompt with the models, a session and `await`."""
    from kit.cli.shell import run_shell

    run_shell(command)


@manage.command()
def startapp(
    name: Annotated[str, typer.Argument(help="What it is about, in the plural: order_items.")],
    model: Annotated[
        str | None, typer.Option(help="One of them: OrderItem. Needed for people and the like.")
    ] = None,
) -> None:
    """Write a new slice: model, routes, a page, a task, an e-mail, and tests that pass."""
    from kit.startapp.names import BadName, Names
    from kit.startapp.writing import write_slice

    try:
        names = Names.of(name, model)
        write_slice(names)
    except BadName as error:
        stop(f"startapp: {error}.")
    typer.echo(f"Wrote app/{name}/ and tests/{name}/; the model is {names.Model}. Next:")
    typer.echo(f'    uv run manage makemigrations -m "{names.words}"')
    typer.echo("    uv run manage migrate")
    typer.echo(f"    uv run pytest tests/{name}")


@manage.command()
def check(
    deploy: Annotated[bool, typer.Option("--deploy", help="What is unsafe in production.")] = False,
) -> None:
    """Say what is wrong: modules, settings, schedules, the database, the templates of e-mails."""
    from kit.cli import checks

    problems = [*checks.problems()]
    problems += checks.deployment_problems() if deploy else []
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo("No problems found.")


def main() -> None:
    """Run `manage`, with the commands that `app` brings."""
    load_commands()
    manage()


def load_commands() -> None:
    """Add the commands of `app`. A module that can't be imported ends the program with one line."""
    from kit.discovery import BrokenModule, modules

    try:
        list(modules("commands", "app"))
    except BrokenModule as error:
        raise SystemExit(str(error)) from None
