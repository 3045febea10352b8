"""The commands of `manage` that start servers, workers and schedulers."""

import os
import socket
from pathlib import Path
from secrets import token_urlsafe
from threading import Thread
from typing import Annotated, Any

import typer

from kit.cli import database
from kit.cli.running import require_migrations, stop

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")]


def dev(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Migrate, then run web, worker and schedule in one process, with reload."""
    _ensure_env_file()
    _require_free(host, port)
    os.environ.setdefault("SHUTDOWN_TIMEOUT", "2")  # a reload must not wait for a long job
    os.environ["KIT_DEV"] = "yes"  # settings.DEV
    database.migrate()
    _link_to(host, port)
    _serve(host, port, reload=True, reload_dirs=["app"], timeout_graceful_shutdown=2)


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
        # By default a child that needs more than 5 s to import the app, as on a busy machine, is
        # killed and started again, without end.
        timeout_worker_healthcheck=120,
    )


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
        os.environ["TASKS_CONCURRENCY"] = str(concurrency)  # sizes the pool of connections
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


def scheduler() -> None:
    """Enqueue periodic tasks when due, and sweep; start as many as you like, each tick runs once.

    With TASKS_ENGINE=inprocess the web server does this by itself.
    """
    _default_to_production()
    from kit.tasks.schedule import run_scheduler

    require_migrations()
    run_scheduler()


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
        access_log=False,  # web/request_log.py writes one line per request, without secrets
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
    """Make .env from the example, with new secrets: a fresh clone has none."""
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
    """Print the server's URL; links in e-mails lead there, unless BASE_URL is set."""
    from kit.settings import settings

    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if "base_url" not in settings.model_fields_set:
        os.environ["BASE_URL"] = url
    typer.secho(f"\n  {settings.project_name} is at {url}", bold=True)
    typer.echo(f"  Mailbox {url}/dev/mailbox   API {url}/docs   Stop: Ctrl+C\n")
