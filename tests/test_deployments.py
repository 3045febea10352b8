"""Each command of the files that ship a project, run against private servers.

No container and no systemd is at hand: commands are taken out of the files and run in a clean
folder. What that can't show is the isolation itself.
"""

import shlex
import shutil
import socket
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest
from conftest import Bakery, Env, run, succeed
from containers import Image, build, compose
from serving import Running, Servers, answer, change_settings, registers
from test_shipping import UNITS


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
        *(".venv", "app", "kit", "migrations", "pyproject.toml", "var")
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
        BASE_URL=f"http://127.0.0.1:{port}",
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


def test_a_project_moves_to_another_engine(
    bakery: Bakery,
    uv: str,
    project_env: Env,
    servers: Servers,
    port: int,
    processes: list[Running],
    tmp_path: Path,
) -> None:
    """By one line of pyproject.toml, and settings."""
    project = bakery.bake()
    pyproject = project / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('"kit[celery]"', '"kit[rq]"'))
    succeed(uv, "sync", cwd=project, env=project_env)
    change_settings(
        project / ".env",
        DATABASE_URL=servers.database_url,
        TASKS_ENGINE="rq",
        BROKER_URL=servers.broker_url,
        MAIL_URL=f"{servers.mail_url}?tls=none",
        BASE_URL=f"http://127.0.0.1:{port}",
    )
    manage = str(project / ".venv/bin/manage")
    succeed(manage, "migrate", cwd=project, env=project_env)
    running = Running(project, tmp_path / "log")
    processes.append(running)
    running.start([manage, "serve", "--port", str(port)], project_env)
    running.start([manage, "worker", "--with-scheduler"], project_env)

    running.until(lambda: registers(port, "moved@example.com"))
    running.until(lambda: "moved@example.com" in servers.mailed_to())
    running.stop()
    assert "rq" in succeed(uv, "pip", "list", cwd=project, env=project_env).split()
    succeed("make", "check", cwd=project, env=project_env)


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
