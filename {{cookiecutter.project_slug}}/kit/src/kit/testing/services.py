"""Servers that start when a test first asks for them, and commands that use them, as fixtures."""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from kit.testing.processes import Manage
    from kit.testing.servers import PostgreSQL, RabbitMQ, Redis
    from kit.testing.smtp import SmtpSink


@pytest.fixture(scope="session")
def _redis() -> "Iterator[Redis]":
    from kit.testing.servers import Redis

    with TemporaryDirectory() as folder:
        server = Redis(Path(folder))
        yield server
        server.kill()


@pytest.fixture(scope="module")  # two engines would declare queues of one name differently
def _rabbitmq() -> "Iterator[RabbitMQ]":
    from kit.testing.servers import RabbitMQ

    with TemporaryDirectory() as folder:
        server = RabbitMQ(Path(folder))
        yield server
        server.end()


@pytest.fixture(scope="session")
def _postgresql() -> "Iterator[PostgreSQL]":
    from kit.testing.servers import PostgreSQL

    # Not in pytest's tmp_path, which only root may enter; PostgreSQL refuses to run as root.
    with TemporaryDirectory() as folder:
        server = PostgreSQL(Path(folder))
        yield server
        server.end()


@pytest.fixture(scope="session")
def _smtp() -> "Iterator[SmtpSink]":
    from kit.testing.smtp import SmtpSink

    server = SmtpSink()
    yield server
    server.kill()


@pytest.fixture
def redis(_redis: "Redis") -> "Redis":
    """An empty Redis. One server per run."""
    _redis.start()
    _redis.flush()
    return _redis


@pytest.fixture
def rabbitmq(_rabbitmq: "RabbitMQ") -> "RabbitMQ":
    """A RabbitMQ. One server per module: queues stay until then, as emptying takes seconds."""
    _rabbitmq.start()
    return _rabbitmq


@pytest.fixture
def postgresql(_postgresql: "PostgreSQL") -> "PostgreSQL":
    """A PostgreSQL that may be killed, beside that of `--database`. One server per run."""
    _postgresql.start()
    return _postgresql


@pytest.fixture
def smtp(_smtp: "SmtpSink") -> "SmtpSink":
    """An empty mail server, which accepts what it is sent. One server per run."""
    _smtp.start()
    _smtp.flush()
    return _smtp


@pytest.fixture
def manage(tmp_path: Path) -> "Iterator[Manage]":
    """The commands of the project, on the database of the tests. All are killed at the end."""
    from kit.testing.processes import Manage

    folder = tmp_path / "logs"
    folder.mkdir()
    manage = Manage(folder)
    yield manage
    manage.end()


class UseEngine(Protocol):
    def __call__(self, engine: str, broker_url: str | None = None) -> None: ...


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, manage: "Manage") -> Iterator[UseEngine]:
    """`use("rq", redis.url)` selects engine and broker, for this process and for `manage`."""
    from kit.settings import settings
    from kit.tasks import engines

    def use(engine: str, broker_url: str | None = None) -> None:
        monkeypatch.setattr(settings, "tasks_engine", engine)
        monkeypatch.setattr(settings, "broker_url", broker_url)
        manage.environment |= {"TASKS_ENGINE": engine, "BROKER_URL": broker_url or ""}
        engines.current.cache_clear()
        for name in [*sys.modules]:  # an adapter reads the broker's URL when it is imported
            if name.startswith(f"kit.tasks.adapters.{engine}"):
                del sys.modules[name]

    yield use
    engines.current.cache_clear()
