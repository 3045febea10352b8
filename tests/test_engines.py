"""A project for each engine: its own checks and tests, and an engine that is not installed."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Env, run, succeed


@pytest.mark.parametrize("engine", ["dramatiq", "rq", "inprocess"])
def test_a_project_with_another_engine_passes_its_checks_and_tests(
    project_of: Callable[[str], Path],
    project_env: Env,
    engine: str,
    request: pytest.FixtureRequest,
) -> None:
    """The default engine's are in tests/test_project.py."""
    project = project_of(engine)
    succeed("make", "check", cwd=project, env=project_env)

    all_of_them = request.config.getoption("--require-services")
    tests = "tests tests/services" if all_of_them else "tests"
    assert " passed" in succeed(
        "make", "test", f"ARGS={tests}", cwd=project, env=project_env, timeout=600
    )


@pytest.mark.parametrize(
    ("engine", "other"),
    [("celery", "dramatiq"), ("celery", "rq"), ("inprocess", "celery")],
)
def test_an_engine_that_is_not_installed_stops_the_start_with_one_line(
    project_of: Callable[[str], Path], project_env: Env, engine: str, other: str
) -> None:
    project = project_of(engine)
    settings = {"TASKS_ENGINE": other, "BROKER_URL": "redis://127.0.0.1:1"}
    python = project / ".venv/bin/python"
    start = ("-c", "from kit.tasks import engines; engines.current()")
    check = ("-c", "from app import manage; manage()", "check")

    for command in (start, check):
        done = run(python, *command, cwd=project, env=project_env | settings)
        assert done.returncode == 1
        assert re.fullmatch(
            rf"TASKS_ENGINE: {other} needs \w+, which is not installed; "
            rf'write "kit\[{other}\]" into pyproject.toml and run `uv sync`\n',
            done.stdout + done.stderr,
        )
