"""kit's own tests and the proofs of accounts, run inside baked projects and in place.

They are in tests/inside/, and use the packages of the project that they examine. They read its
pyproject.toml, so they run as its own tests do.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import APP, Env, succeed

Inside = Callable[..., str]


@pytest.fixture
def inside(template: Path) -> Inside:
    """Run some of them, or all, in a folder; return what pytest says."""
    tests = template / "tests" / "inside"

    def inside(folder: Path, env: Env, *options: str, only: tuple[str, ...] = (".",)) -> str:
        told = succeed(
            *("python", "-m", "pytest", "-c", "pyproject.toml", "--rootdir=."),
            *(f"--confcutdir={tests}", "-p", "no:cacheprovider"),
            *(tests / name for name in only),
            *options,
            cwd=folder,
            env=env,
            timeout=1800,
        )
        assert " passed" in told
        return told

    return inside


@pytest.fixture
def services(request: pytest.FixtureRequest) -> list[str]:
    """`--require-services`, when these tests were given it."""
    required = request.config.getoption("--require-services")
    return ["--require-services"] if required else []


def test_all_of_them_pass_in_the_default_project(
    synced: Path, uv: str, project_env: Env, services: list[str], inside: Inside
) -> None:
    if services:  # the browser's driver
        succeed(uv, "sync", "--all-groups", cwd=synced, env=project_env)

    told = inside(synced, at(synced, project_env), *services)
    print(*(line for line in told.splitlines() if "accepted" in line), sep="\n")  # the storms


def test_they_pass_in_place_and_on_postgresql(
    template: Path, env_of: Callable[[Path], Env], inside: Inside
) -> None:
    """All but services/, which takes minutes and has a PostgreSQL of its own."""
    folder = template / APP
    inside(folder, env_of(folder), "--database=postgresql")


@pytest.mark.parametrize(
    ("engine", "only"),
    [
        ("dramatiq", ("services/test_dramatiq.py",)),
        ("rq", ("services/test_rq.py",)),
        ("inprocess", ("tasks",)),
    ],
)
def test_what_an_engine_matters_to_passes_with_that_engine(
    project_of: Callable[[str], Path],
    project_env: Env,
    services: list[str],
    inside: Inside,
    engine: str,
    only: tuple[str, ...],
) -> None:
    project = project_of(engine)
    inside(project, at(project, project_env), *services, only=only)


def at(project: Path, env: Env) -> Env:
    """The variables to use the project's own packages."""
    return env | {"PATH": f"{project / '.venv/bin'}:{env['PATH']}"}
