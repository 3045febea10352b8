"""The application, its database, its e-mails and its jobs, as fixtures."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib import import_module
from itertools import compress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from httpx2 import AsyncClient
    from sqlmodel.ext.asyncio.session import AsyncSession

    from kit.testing.mailbox import Mailbox


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of async tests and fixtures: asyncio's, one for the whole run."""
    return "asyncio"


@pytest.fixture(scope="session")
async def database(anyio_backend: str) -> AsyncIterator[None]:
    """The tables, made by the migrations. Session scope.

    Fails if a model has a table that no migration makes: no test could empty it.
    """
    from sqlalchemy import inspect
    from sqlmodel import SQLModel

    from kit.database import engine
    from kit.migrations import migrate

    migrate()
    async with engine.connect() as connection:
        made = await connection.run_sync(lambda it: set(inspect(it).get_table_names()))
    if missing := SQLModel.metadata.tables.keys() - made:
        names = ", ".join(sorted(missing))
        pytest.fail(f"No migration makes {names}: run `manage makemigrations`.", pytrace=False)
    yield
    await engine.dispose()


@pytest.fixture
async def clean(database: None) -> AsyncIterator[None]:
    """Empties the tables after the test. Every test has it, except those with a browser."""
    yield
    from sqlalchemy import select
    from sqlmodel import SQLModel

    from kit.database import engine
    from kit.mail.log import written

    await written()
    tables = SQLModel.metadata.sorted_tables
    async with engine.begin() as connection:
        full = await connection.execute(select(*(select(table).exists() for table in tables)))
        for table in reversed([*compress(tables, full.one())]):
            await connection.execute(table.delete())


@pytest.fixture(autouse=True)
def _clean_unless_in_a_browser(request: pytest.FixtureRequest, anyio_backend: str) -> None:
    """Playwright's event loop tolerates no other beside it, and `live_server` has its own data."""
    if "open_browser" not in request.fixturenames:
        request.getfixturevalue("clean")


@pytest.fixture
async def session() -> "AsyncIterator[AsyncSession]":
    """A database session for the test; the application uses others."""
    from kit.database import Session

    async with Session() as session:
        yield session


@pytest.fixture
async def client() -> "AsyncIterator[AsyncClient]":
    """An HTTP client of the running application, with a cookie jar as a browser has.

    An exception that a route raises, and a server would answer with 500, is raised here.
    """
    from httpx2 import ASGITransport, AsyncClient

    app = import_module("app.main").app
    async with app.router.lifespan_context(app):
        transport = ASGITransport(app)
        async with AsyncClient(transport=transport, base_url="http://testserver") as client:
            yield client


@pytest.fixture
def mailbox() -> "Iterator[Mailbox]":
    """The e-mails that are sent during the test: `mailbox.to(user).latest.link("verify-email")`."""
    from kit.testing.mailbox import Mailbox

    mailbox = Mailbox()
    mailbox.clear()
    yield mailbox
    mailbox.clear()


@pytest.fixture
def run_jobs() -> Callable[[], Awaitable[int]]:
    """`await run_jobs()` runs the jobs that are due now, and returns how many there were.

    Jobs that are enqueued for later run once time-machine has moved `now`; the others run at
    COMMIT already, as tests have TASKS_ENGINE=immediate.
    """
    from kit.tasks.worker.worker import run_now

    return run_now
