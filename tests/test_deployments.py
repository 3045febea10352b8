"""Each command of the files that ship a project, run against private servers.

No container and no systemd is at hand: commands are taken out of the files and run in a clean
folder. What that can't show is the isolation itself.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Bakery, run, succeed
from containers import Image, build, compose
from test_shipping import SHUTDOWN_TIMEOUT, UNITS

Env = dict[str, str]

PATIENCE = 180
"""Seconds until a command that is not ready counts as broken; Flower is installed in this time."""


class Servers:
    """PostgreSQL, Redis and a mail server, as the project's own tests start them."""

    PROGRAM = """
import json, sys, tempfile
from pathlib import Path
from tests.services.servers import PostgreSQL, Redis
from tests.services.smtp import SmtpSink

with tempfile.TemporaryDirectory() as postgresql, tempfile.TemporaryDirectory() as redis:
    started = PostgreSQL(Path(postgresql)), Redis(Path(redis)), SmtpSink()
    for server in started:
        server.start()
    print(json.dumps([server.url for server in started]), flush=True)
    for _ in sys.stdin:
        print(json.dumps([m["To"] for m in started[2].messages]), flush=True)
    started[1].kill()
    started[0].end()
"""

    def __init__(self, project: Path, env: Env) -> None:
        self._process = subprocess.Popen(
            [project / ".venv/bin/python", "-c", self.PROGRAM],
            cwd=project,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.database_url, self.broker_url, self.mail_url = self._answer()

    def mailed_to(self) -> list[str]:
        """The recipients of what the mail server has taken so far."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        with self._process as process:
            process.communicate(timeout=30)

    def _answer(self) -> list[str]:
        assert self._process.stdout
        answer: list[str] = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def servers(synced: Path, project_env: Env) -> Iterator[Servers]:
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    servers = Servers(synced, project_env)
    yield servers
    servers.end()


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Running:
    """Long-lived commands, which must all end in peace when they are told to."""

    def __init__(self, cwd: Path, log: Path) -> None:
        self._cwd, self.log = cwd, log
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, command: list[str], env: Env) -> None:
        with self.log.open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    command,
                    cwd=self._cwd,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # a group, with what the command starts itself
                )
            )

    def stop(self) -> None:
        for process in self._processes:
            assert process.poll() is None, f"{process.args!r} ended:\n{self.log.read_text()}"
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            assert process.wait(timeout=2 * SHUTDOWN_TIMEOUT + 5) in (0, -signal.SIGTERM)

    def kill(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def until(self, done: Callable[[], bool]) -> None:
        """Return once it is so; fails with what the commands said when it is not in time."""
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[Running]]:
    started: list[Running] = []
    yield started
    for running in started:
        running.kill()


@pytest.fixture(scope="module")
def image(
    project: Path, uv: str, project_env: Env, tmp_path_factory: pytest.TempPathFactory
) -> Image:
    """What `docker build .` makes, in a folder."""
    folder = tmp_path_factory.mktemp("image")
    succeed(uv, "venv", "--quiet", "--seed", folder / "python", cwd=folder, env=project_env)
    env = project_env | {"PATH": f"{folder / 'python/bin'}:{project_env['PATH']}"}
    return build(project, folder, env)


def test_the_image_holds_only_what_runs(image: Image) -> None:
    assert {path.name for path in image.folder.iterdir()} == {
        *(".venv", "app", "migrations", "pyproject.toml", "var")
    }
    assert not list(image.folder.glob(".venv/lib/*/site-packages/pytest"))


def test_the_containers_register_somebody_and_mail_them(
    project: Path,
    image: Image,
    servers: Servers,
    port: int,
    processes: list[Running],
    tmp_path: Path,
) -> None:
    services = compose(project)["services"]
    environments = {
        name: image.env | in_this_machine(services[name]["environment"], servers)
        for name in ("web", "worker", "scheduler", "migrate")
    }
    before = set(image.folder.rglob("*"))
    succeed(*services["migrate"]["command"], cwd=image.folder, env=environments["migrate"])
    running = Running(image.folder, tmp_path / "log")
    processes.append(running)
    web = [*services["web"]["command"], "--host", "127.0.0.1", "--port", str(port)]
    running.start(web, environments["web"])
    for name in ("worker", "scheduler"):
        running.start(services[name]["command"], environments[name])
    healthy = [part.replace(":8000", f":{port}") for part in image.healthcheck]
    running.until(lambda: not run(*healthy, cwd=image.folder, env=image.env).returncode)
    running.until(lambda: registers(port, "containers@example.com"))
    running.until(lambda: "containers@example.com" in servers.mailed_to())
    running.stop()
    assert set(image.folder.rglob("*")) == before, "the file system is read-only"


def test_flower_watches_the_broker(
    project: Path,
    uv: str,
    project_env: Env,
    servers: Servers,
    port: int,
    processes: list[Running],
    tmp_path: Path,
) -> None:
    command = [
        part.replace("redis://redis:6379/0", servers.broker_url).replace("5555", str(port))
        for part in compose(project)["services"]["flower"]["command"]
    ]
    packages = ("flower>=2,<3", "redis<9", "packaging")  # as in its image
    installed = [part for package in packages for part in ("--with", package)]
    running = Running(tmp_path, tmp_path / "log")
    processes.append(running)
    running.start([uv, "run", "--no-project", *installed, *command], project_env)
    running.until(lambda: answer(f"http://127.0.0.1:{port}/healthcheck") == 200)


def test_the_units_register_somebody_and_mail_them(
    bakery: Bakery,
    synced: Path,
    project_env: Env,
    servers: Servers,
    port: int,
    processes: list[Running],
    tmp_path: Path,
) -> None:
    project = bakery.bake()
    (project / ".venv").symlink_to(synced / ".venv")
    change_settings(
        project / ".env",
        DATABASE_URL=servers.database_url,
        TASKS_ENGINE=engine_of(project),
        BROKER_URL=servers.broker_url,
        MAIL_URL=f"{servers.mail_url}?tls=none",
    )
    web, worker, scheduler = (
        commands(project, f"app-{unit}.service") for unit in ("web", "worker@", "scheduler")
    )
    succeed(*web["ExecStartPre"], cwd=project, env=project_env)
    running = Running(project, tmp_path / "log")
    processes.append(running)
    running.start([*web["ExecStart"], "--port", str(port)], project_env)
    running.start(worker["ExecStart"], project_env)
    running.start(scheduler["ExecStart"], project_env)

    running.until(lambda: registers(port, "units@example.com"))
    running.until(lambda: "units@example.com" in servers.mailed_to())
    running.stop()


def in_this_machine(environment: Env, servers: Servers) -> Env:
    """The variables of a container, with the private servers in the places of its neighbours."""
    secret = {"SECRET_KEY": "only-for-tests-and-the-same-for-all-of-them"}
    return (
        secret
        | environment
        | {
            "DATABASE_URL": servers.database_url,
            "BROKER_URL": servers.broker_url,
            "MAIL_URL": f"{servers.mail_url}?tls=none",
        }
    )


def engine_of(project: Path) -> str:
    return str(compose(project)["services"]["web"]["environment"]["TASKS_ENGINE"])


def change_settings(env: Path, **settings: str) -> None:
    """Change lines of `.env`, as the README tells."""
    text = env.read_text()
    for name, value in settings.items():
        text, changed = re.subn(rf"^# {name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        assert changed == 1, name
    env.write_text(text)


def commands(project: Path, unit: str) -> dict[str, list[str]]:
    """The commands of a unit, with the project in the place of /srv/app."""
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(project / UNITS / unit)
    assert parser["Service"]["WorkingDirectory"] == "/srv/app"
    return {
        name: shlex.split(line.replace("/srv/app", str(project)))
        for name, line in parser["Service"].items()
        if name.startswith("Exec")
    }


def registers(port: int, email: str) -> bool:
    """Register; False if nobody answers yet."""
    body = json.dumps({"email": email, "password": "correct horse battery staple"}).encode()
    headers = {"Content-Type": "application/json"}
    url = f"http://127.0.0.1:{port}/api/v1/auth/register"
    status = answer(urllib.request.Request(url, data=body, headers=headers))
    assert status in (202, None)
    return status == 202


def answer(request: str | urllib.request.Request) -> int | None:
    """Its status; None if nobody answers."""
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None
