"""A project for each engine: its own checks, and what its tests say of that engine."""

from pathlib import Path

import pytest
from conftest import Bakery, run, succeed

Env = dict[str, str]


@pytest.fixture(params=["dramatiq", "rq", "inprocess"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each that is not the default, which tests/test_project.py examines."""
    return str(request.param)


@pytest.fixture
def other_project(bakery: Bakery, uv: str, project_env: Env, engine: str) -> Path:
    """A project with that engine, and its environment."""
    project = bakery.bake(task_engine=engine)
    succeed(uv, "sync", cwd=project, env=project_env)
    return project


def test_a_project_with_another_engine_passes_its_checks_and_tests(
    other_project: Path, project_env: Env, engine: str, request: pytest.FixtureRequest
) -> None:
    succeed("make", "check", cwd=other_project, env=project_env)

    # What all engines share is tested in the default project.
    tests = ["tests/test_settings.py"]
    tests += ["tests/tasks" if engine == "inprocess" else f"tests/services/test_{engine}.py"]
    if request.config.getoption("--require-services"):
        tests.append("--require-services")
    arguments = f"ARGS={' '.join(tests)}"
    assert " passed" in succeed(
        "make", "test", arguments, cwd=other_project, env=project_env, timeout=600
    )


def test_an_engine_that_was_not_chosen_stops_the_start_with_one_line(
    bakery: Bakery, in_place: Env, engine: str
) -> None:
    settings = {"TASKS_ENGINE": "celery", "BROKER_URL": "redis://127.0.0.1:1"}
    start = ("-c", "from app.tasks import engines; engines.current()")
    check = ("-m", "app.cli", "check")
    project = bakery.bake(task_engine=engine)

    for command in (start, check):
        done = run("python", *command, cwd=project, env=in_place | settings)
        assert (done.returncode, done.stderr) == (
            1,
            "TASKS_ENGINE: celery is no part of this project\n",
        )
