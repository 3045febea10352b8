"""Bakes projects as a user does, through the command line, from a clean copy of the template."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APP = "{{cookiecutter.project_slug}}"
LEFTOVERS = (".git", ".uv", ".venv", ".*_cache", "__pycache__", "build", "uv.lock", "var", ".env")

Env = dict[str, str]
Run = subprocess.CompletedProcess[str]

collect_ignore = ["inside"]  # they run in the environment of a project: tests/test_inside.py


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-services",
        action="store_true",
        help="fail what would be skipped for want of a server or a browser, in baked projects too",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.config.getoption("--require-services") and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, although --require-services was given: {report.longrepr}"
    return report


def run(*command: str | Path, cwd: Path, env: Env | None = None, timeout: float = 300) -> Run:
    """Run a command to its end, with its output captured and nothing to read."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        timeout=timeout,
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
    )


def succeed(*command: str | Path, cwd: Path, env: Env | None = None, timeout: float = 300) -> str:
    """Run a command that must succeed; its standard output."""
    done = run(*command, cwd=cwd, env=env, timeout=timeout)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{said(done)}"
    return done.stdout


def said(done: Run) -> str:
    """The end of what it wrote; before it, what pytest says of each failed test in a line."""
    failed = [it for it in done.stdout.splitlines() if it.startswith(("FAILED ", "ERROR "))]
    return "\n".join([*failed, f"{done.stdout}\n{done.stderr}"[-20_000:]])


def get(url: str, log: Path, patience: float = 60) -> bytes:
    """The body at that URL, as soon as the server answers there; `log` is what it writes."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"no answer from {url}; the server said:\n{log.read_text()}")


def literal(answer: str) -> str:
    """An answer as if typed: cookiecutter renders those that come from its command line."""
    return f"{{% raw %}}{answer}{{% endraw %}}" if "{" in answer else answer


@dataclass
class Bakery:
    """A home and a folder of its own, so that a bake sees and leaves nothing of the user's."""

    template: Path
    folder: Path
    options: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.shelf = self.folder / "projects"
        self.home.mkdir()
        self.shelf.mkdir()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "UV_"))}
        self.env |= {"HOME": str(self.home), "PWD": str(self.shelf), "PYTHONDONTWRITEBYTECODE": "1"}

    def try_to_bake(self, **answers: str) -> Run:
        command = [sys.executable, "-m", "cookiecutter", str(self.template), "--no-input"]
        spoken = [f"{question}={literal(answer)}" for question, answer in answers.items()]
        return run(
            *command, "--default-config", *self.options, *spoken, cwd=self.shelf, env=self.env
        )

    def bake(self, **answers: str) -> Path:
        """The folder of the new project."""
        done = self.try_to_bake(**answers)
        assert done.returncode == 0, said(done)
        return max(self.shelf.iterdir(), key=lambda project: project.stat().st_ctime_ns)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a stranger clones it: without what working on it leaves behind."""
    copy = tmp_path_factory.mktemp("clone") / "template"
    return Path(shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFTOVERS)))


@pytest.fixture
def bakery(template: Path, tmp_path: Path) -> Bakery:
    return Bakery(template, tmp_path)


@pytest.fixture(scope="session")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default project."""
    return Bakery(template, tmp_path_factory.mktemp("default")).bake()


@pytest.fixture(scope="session")
def uv() -> str:
    """The uv that runs these tests, or the one on the path."""
    found = os.environ.get("UV") or shutil.which("uv")
    assert found, "these tests need uv: run them by `make test`"
    return found


@pytest.fixture(scope="session")
def project_env(uv: str) -> Env:
    """The variables of somebody who works in a project: uv on the path, nothing of our own run."""
    ours = {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "UV", "VIRTUAL_ENV"}
    env = {k: v for k, v in os.environ.items() if k not in ours}
    env["PATH"] = f"{Path(uv).parent}{os.pathsep}{env['PATH']}"
    return env | {"PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="session")
def synced(project: Path, uv: str, project_env: Env) -> Path:
    """The default project with its environment installed."""
    succeed(uv, "sync", cwd=project, env=project_env)
    return project


@pytest.fixture
def address() -> str:
    """A host and a port where no server listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture(scope="session")
def project_of(
    template: Path,
    synced: Path,
    tmp_path_factory: pytest.TempPathFactory,
    uv: str,
    project_env: Env,
) -> Callable[[str], Path]:
    """A project with that engine, and its environment."""

    @cache
    def project_of(engine: str) -> Path:
        if engine == "celery":
            return synced
        project = Bakery(template, tmp_path_factory.mktemp(engine)).bake(task_engine=engine)
        succeed(uv, "sync", cwd=project, env=project_env)
        return project

    return project_of


@pytest.fixture(scope="session")
def env_of(synced: Path, project_env: Env) -> Callable[[Path], Env]:
    """Variables to run the code in a folder by the packages and tools of the default project.

    The folder is another project, or that of the template itself.
    """
    path = f"{synced / '.venv/bin'}{os.pathsep}{project_env['PATH']}"

    def env_of(folder: Path) -> Env:
        code = f"{folder}{os.pathsep}{folder / 'kit/src'}"
        return project_env | {"PATH": path, "PYTHONPATH": code}

    return env_of
