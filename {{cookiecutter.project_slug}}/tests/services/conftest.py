"""Servers that are started when the first test asks for them, and the project's commands."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from kit.settings import settings
from kit.tasks import engines

from tests.services.processes import Manage
from tests.services.servers import PostgreSQL, RabbitMQ, Redis
from tests.services.smtp import SmtpSink


@pytest.fixture(scope="session")
def _redis() -> Iterator[Redis]:
    with TemporaryDirectory() as folder:
        server = Redis(Path(folder))
        yield server
        server.kill()


@pytest.fixture(scope="session")
def _rabbitmq() -> Iterator[RabbitMQ]:
    with TemporaryDirectory() as folder:
        server = RabbitMQ(Path(folder))
        yield server
        server.end()


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[PostgreSQL]:
    # Not in pytest's tmp_path, which root alone may enter; PostgreSQL refuses to run as root.
    with TemporaryDirectory() as folder:
        server = PostgreSQL(Path(folder))
        yield server
        server.end()


@pytest.fixture(scope="session")
def _smtp() -> Iterator[SmtpSink]:
    server = SmtpSink()
    yield server
    server.kill()


@pytest.fixture
def redis(_redis: Redis) -> Redis:
    """An empty Redis."""
    _redis.start()
    _redis.flush()
    return _redis


@pytest.fixture
def rabbitmq(_rabbitmq: RabbitMQ) -> RabbitMQ:
    """A RabbitMQ; the queues of earlier tests stay, since emptying it takes seconds."""
    _rabbitmq.start()
    return _rabbitmq


@pytest.fixture
def postgresql(_postgresql: PostgreSQL) -> PostgreSQL:
    """A PostgreSQL beside that of `--database=postgresql`: one that may be killed."""
    _postgresql.start()
    return _postgresql


@pytest.fixture
def smtp(_smtp: SmtpSink) -> SmtpSink:
    """An empty mail server, which accepts what it is sent."""
    _smtp.start()
    _smtp.flush()
    return _smtp


@pytest.fixture
def manage(tmp_path: Path) -> Iterator[Manage]:
    """The project's commands, on the database of the tests; all are killed in the end."""
    folder = tmp_path / "logs"
    folder.mkdir()
    manage = Manage(folder)
    yield manage
    manage.end()


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, manage: Manage) -> Iterator[Callable[[str, str], None]]:
    """`use("rq", redis.url)`: the engine and broker of this process and of those it starts."""

    def use(engine: str, broker_url: str) -> None:
        monkeypatch.setattr(settings, "tasks_engine", engine)
        monkeypatch.setattr(settings, "broker_url", broker_url)
        manage.environment |= {"TASKS_ENGINE": engine, "BROKER_URL": broker_url}
        engines.current.cache_clear()
        for name in [*sys.modules]:  # what an engine's own library reads when it is imported
            if name.startswith(f"{engines.__name__}.{engine}"):
                del sys.modules[name]

    yield use
    engines.current.cache_clear()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the counts of the storms, also when they pass."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == "storm":
                terminalreporter.write_line(f"{value}")
