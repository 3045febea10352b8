"""A house that is missing, broken or does not fit: one line says so, and names the place."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Bakery, Env, Run, run, said, succeed

MISSING = "kit is missing: restore the folder kit/ (git checkout kit), then run `uv sync`."


@pytest.fixture
def mine(bakery: Bakery) -> Path:
    """A project that a test may spoil."""
    return bakery.bake()


@pytest.fixture
def try_to(mine: Path, env_of: Callable[[Path], Env]) -> Callable[..., Run]:
    """Run a command in the project, whatever comes of it."""
    env = env_of(mine) | {"ENVIRONMENT": "development"}

    def try_to(*command: str) -> Run:
        return run(*command, cwd=mine, env=env, timeout=60)

    return try_to


def is_refused(done: Run, line: str) -> None:
    """The command failed, and this is all that it said."""
    assert (done.returncode, done.stderr) == (1, f"{line}\n"), said(done)


def test_a_missing_kit_stops_every_command(mine: Path, uv: str, project_env: Env) -> None:
    succeed(uv, "sync", cwd=mine, env=project_env)
    shutil.rmtree(mine / "kit")
    tools = mine / ".venv/bin"

    for command in (
        (tools / "manage", "check"),
        (tools / "manage", "serve"),
        (tools / "python", "-c", "import app"),
        (tools / "uvicorn", "app.main:app"),
        (tools / "celery", "-A", "app", "inspect", "ping"),
    ):
        done = run(*command, cwd=mine, env=project_env)
        is_refused(done, MISSING)

    (mine / "kit/src/kit/tasks").mkdir(parents=True)  # Python takes an empty folder for a package
    is_refused(run(tools / "python", "-c", "import app", cwd=mine, env=project_env), MISSING)

    done = run(uv, "run", "manage", "check", cwd=mine, env=project_env)
    assert done.returncode
    assert "kit" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_a_newer_kit_migrated_stops_the_start(
    mine: Path, try_to: Callable[..., Run]
) -> None:
    assert try_to("manage", "migrate").returncode == 0
    with closing(sqlite3.connect(mine / "var/app.db")) as database, database:
        database.execute("UPDATE kit_alembic_version SET version_num = 'ffffffffffff'")

    for command in (
        ("manage", "serve"),
        ("manage", "worker"),
        ("manage", "scheduler"),
        ("manage", "check"),
    ):
        done = try_to(*command)
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert line.startswith("The database was migrated by another kit (revision ffffffffffff)")
        assert line.endswith("Bring the folder kit/ up to date.")
    [line] = try_to("manage", "migrate").stderr.splitlines()
    assert "ffffffffffff" in line


def test_a_folder_that_is_no_package_is_named(mine: Path, try_to: Callable[..., Run]) -> None:
    orders = mine / "app/orders"
    orders.mkdir()
    (orders / "models.py").touch()
    line = "app/orders/ needs an __init__.py; an empty one is enough"

    is_refused(try_to("manage", "check"), line)
    for command in (("manage", "serve"), ("manage", "worker"), ("manage", "migrate")):
        is_refused(try_to(*command), line)
    assert line in try_to("uvicorn", "app.main:app").stderr


def test_tasks_that_raise_are_named_with_path_and_line(
    mine: Path, try_to: Callable[..., Run]
) -> None:
    orders = mine / "app/orders"
    orders.mkdir()
    (orders / "__init__.py").touch()
    (orders / "tasks.py").write_text("rate = 1\nprice = 1 / 0\n")
    line = "app/orders/tasks.py, line 2: ZeroDivisionError: division by zero"

    assert try_to("manage", "migrate").returncode == 0
    is_refused(try_to("manage", "check"), line)
    for command in (("manage", "serve"), ("uvicorn", "app.main:app")):
        done = try_to(*command)
        assert done.returncode
        assert line in done.stderr
