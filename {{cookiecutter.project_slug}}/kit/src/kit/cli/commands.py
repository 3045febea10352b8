"""`manage`: what there is to do with the project from a terminal.

Imports are inside the commands, so that `--help` is quick and works before anything is set up.
"""

import asyncio
import os
import socket
from pathlib import Path
from secrets import token_urlsafe
from threading import Thread
from typing import Annotated, Any

import typer

from kit.cli.jobs import jobs
from kit.cli.mail import mail
from kit.cli.running import require_migrations, stop

manage = typer.Typer(
    name="manage", no_args_is_help=True, pretty_exceptions_enable=False, help="Manage the project."
)
manage.add_typer(jobs, name="jobs")
manage.add_typer(mail, name="mail")

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")]


@manage.command()
def dev(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Migrate, then run web, worker and schedule in one process, with reload."""
    _ensure_env_file()
    _require_free(host, port)
    os.environ.setdefault("SHUTDOWN_TIMEOUT", "2")  # a reload must not wait for a long job
    os.environ["KIT_DEV"] = "yes"  # settings.DEV
    from kit.migrations import migrate

    for line in migrate():
        typer.echo(line)
    _link_to(host, port)
    _serve(host, port, reload=True, reload_dirs=["app"], timeout_graceful_shutdown=2)


@manage.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, help="How many processes.")] = 1,
) -> None:
    """Run the web server for production (TLS and compression are the proxy's)."""
    _default_to_production()
    from kit.cli.checks import deployment_problems
    from kit.logging import configure_logging, get_logger
    from kit.settings import settings

    configure_logging()
    require_migrations()
    if settings.is_production and (problems := deployment_problems()):
        names = [problem.partition(":")[0] for problem in problems]
        get_logger(__name__).warning("see `manage check --deploy`", of=names)
    patience = round(settings.shutdown_timeout.total_seconds())
    _serve(
        host,
        port,
        workers=workers,
        timeout_graceful_shutdown=patience,
        # By default a child that imports the app for 5 s, on a busy machine, is killed and
        # begun anew, for ever.
        timeout_worker_healthcheck=120,
    )


@manage.command()
def worker(
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="Jobs at a time, instead of TASKS_CONCURRENCY."),
    ] = None,
    with_scheduler: Annotated[
        bool, typer.Option("--with-scheduler", help="Run `manage scheduler` beside it.")
    ] = False,
) -> None:
    """Run a worker for the engine in the settings, until SIGTERM; start as many as you like."""
    _default_to_production()
    if concurrency:
        os.environ["TASKS_CONCURRENCY"] = str(concurrency)  # the pool of connections goes by it
    from kit.logging import configure_logging
    from kit.settings import settings
    from kit.tasks import engines

    require_migrations()
    if with_scheduler:
        from kit.tasks.schedule import keep_scheduler

        # A process of its own, whatever the engine makes of this one.
        Thread(target=keep_scheduler, name="scheduler", daemon=True).start()
    configure_logging()
    engines.current().work(concurrency=concurrency or settings.tasks_concurrency)


@manage.command()
def scheduler() -> None:
    """Enqueue periodic tasks when due, and sweep; start as many as you like, each tick runs once.

    With TASKS_ENGINE=inprocess the web server does this by itself.
    """
    _default_to_production()
    from kit.tasks.schedule import run_scheduler

    require_migrations()
    run_scheduler()


@manage.command(context_settings={"ignore_unknown_options": True})
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


@manage.command()
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


def _default_to_production() -> None:
    """The commands for servers are for production, unless ENVIRONMENT says otherwise."""
    from kit.dotenv import names

    if "ENVIRONMENT" not in os.environ and "ENVIRONMENT" not in names(Path(".env")):
        os.environ["ENVIRONMENT"] = "production"


def _serve(host: str, port: int, **options: Any) -> None:
    import uvicorn

    from kit.logging import configure_logging
    from kit.settings import settings
    from kit.web.protocol import BoundedProtocol, connection_limit

    configure_logging()
    uvicorn.run(
        "app.main:app",
        host=host,
        port=port,
        http=BoundedProtocol,
        limit_concurrency=connection_limit(),
        forwarded_allow_ips=settings.forwarded_allow_ips,
        access_log=False,  # app/logging.py writes one line per request, without secrets
        log_config=None,
        server_header=False,
        **options,
    )


def _require_free(host: str, port: int) -> None:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family):
            return
    except OSError as error:
        stop(f"{host}:{port}: {error.strerror}; choose another with --host or --port")


def _ensure_env_file() -> None:
    """A fresh clone has no .env: make one from the example, with secrets where that has none."""
    env, example = Path(".env"), Path(".env.example")
    if env.exists() or not example.exists() or "SECRET_KEY" in os.environ:
        return
    lines = example.read_text(encoding="utf-8").splitlines(keepends=True)
    env.touch(mode=0o600)
    env.write_text(
        "".join(
            f"{line[:-1]}{token_urlsafe(48)}\n" if line.endswith("=\n") and line[0] != "#" else line
            for line in lines
        ),
        encoding="utf-8",
    )
    typer.echo("Made .env from .env.example, with new secrets.", err=True)


def _link_to(host: str, port: int) -> None:
    """Say where the server is, and let links in e-mails lead there, unless BASE_URL is set."""
    from kit.settings import settings

    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if "base_url" not in settings.model_fields_set:
        os.environ["BASE_URL"] = url
    typer.secho(f"\n  {settings.project_name} is at {url}", bold=True)
    typer.echo(f"  Mailbox {url}/dev/mailbox   API {url}/docs   Stop: Ctrl+C\n")


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
