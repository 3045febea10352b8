"""What lies in a new project's folder."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from conftest import APP, Bakery, succeed

VERBATIM = ["app", "kit", "migrations", "tests"]
ENGINES = {"celery", "dramatiq", "rq"}


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def committed(project: Path) -> list[str]:
    return succeed("git", "ls-files", "-z", cwd=project).split("\0")[:-1]


def test_the_top_level_is_what_the_readme_promises(project: Path) -> None:
    names = {path.split("/")[0] for path in committed(project)}

    assert names >= {
        ".dockerignore",
        ".env.example",
        ".github",
        ".gitignore",
        ".python-versions",
        "Dockerfile",
        "LICENSE",
        "Makefile",
        "README.md",
        "app",
        "compose.yaml",
        "deploy",
        "docs",
        "kit",
        "migrations",
        "pyproject.toml",
        "tests",
    }


def code_of(project: Path) -> dict[str, bytes]:
    return {
        path: text for path, text in contents(project).items() if path.split("/")[0] in VERBATIM
    }


@pytest.mark.parametrize("engine", [*sorted(ENGINES), "inprocess"])
def test_code_is_copied_byte_for_byte(template: Path, bakery: Bakery, engine: str) -> None:
    expected = code_of(template / APP)
    if engine != "celery":
        del expected["app/celery.py"]

    assert code_of(bakery.bake(task_engine=engine)) == expected


def test_the_options_of_a_bake_do_not_reach_the_code(template: Path, bakery: Bakery) -> None:
    project = bakery.bake(license="Proprietary", python_version="3.13", project_name="Other")

    assert code_of(project) == code_of(template / APP)


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_the_chosen_engine_is_an_extra_of_kit(bakery: Bakery, engine: str) -> None:
    pyproject = (bakery.bake(task_engine=engine) / "pyproject.toml").read_text()

    assert tomllib.loads(pyproject)["project"]["dependencies"] == [f"kit[{engine}]"]
    assert ("celery-types" in pyproject) == (engine == "celery")
    assert "task_engine" not in pyproject


def test_a_project_without_an_engine_installs_none(bakery: Bakery) -> None:
    pyproject = (bakery.bake(task_engine="inprocess") / "pyproject.toml").read_text()

    assert tomllib.loads(pyproject)["project"]["dependencies"] == ["kit"]
    assert "celery-types" not in pyproject


def test_kit_can_be_replaced_by_that_of_another_project(bakery: Bakery) -> None:
    mine = bakery.bake(project_slug="mine")
    other = bakery.bake(
        project_slug="other", task_engine="rq", license="Proprietary", python_version="3.13"
    )
    shutil.rmtree(mine / "kit")
    shutil.copytree(other / "kit", mine / "kit")

    assert succeed("git", "status", "--porcelain", cwd=mine) == ""


@pytest.mark.parametrize(("folder", "most"), [("app", 3300), ("tests", 3500)])
def test_what_an_owner_has_to_know_is_small(project: Path, folder: str, most: int) -> None:
    """Lines of Python, blank and comment lines included; a capability may add 600 to `app/`."""
    lines = sum(
        len(path.read_text("utf-8").splitlines()) for path in (project / folder).rglob("*.py")
    )

    assert lines <= most


@pytest.mark.parametrize("engine", [*sorted(ENGINES), "inprocess"])
def test_the_first_run_needs_no_broker_whatever_the_engine(bakery: Bakery, engine: str) -> None:
    assert "\n# TASKS_ENGINE=inprocess\n" in (bakery.bake(task_engine=engine) / ".env").read_text()


def test_nothing_is_left_unrendered(project: Path) -> None:
    left = [
        path
        for path in committed(project)
        if b"cookiecutter." in (project / path).read_bytes() or "cookiecutter" in path
    ]

    assert left == []


def test_only_a_handful_of_files_is_rendered(template: Path) -> None:
    rendered = [
        path
        for path, text in contents(template / APP).items()
        if b"cookiecutter." in text and path.split("/")[0] not in VERBATIM
    ]

    assert len(rendered) <= 8, rendered


@pytest.mark.parametrize(
    ("license", "words"),
    [
        ("MIT", "MIT License"),
        ("Apache-2.0", "Apache License"),
        ("Proprietary", "All rights reserved."),
    ],
)
def test_the_licence_is_the_one_that_was_chosen(bakery: Bakery, license: str, words: str) -> None:
    text = (bakery.bake(license=license, author_name="Ada Lovelace") / "LICENSE").read_text()

    assert words in text
    assert "Ada Lovelace" in text
    assert text == text.strip() + "\n"


def test_the_chosen_python_is_the_oldest_one(bakery: Bakery) -> None:
    assert (bakery.bake(python_version="3.12") / ".python-versions").read_text() == ">=3.12\n"


def test_dependencies_have_both_bounds_and_a_date(project: Path) -> None:
    ours = tomllib.loads((project / "pyproject.toml").read_text())
    kits = tomllib.loads((project / "kit/pyproject.toml").read_text())["project"]
    groups = [
        *ours["dependency-groups"].values(),
        kits["dependencies"],
        *kits["optional-dependencies"].values(),
    ]

    for requirement in (r for group in groups for r in group if isinstance(r, str)):
        assert requirement == "kit[testing]" or re.search(r">=.*,<", requirement), requirement
    assert ours["tool"]["uv"]["exclude-newer"] >= "2026-11-21"


def test_what_tools_left_in_the_template_does_not_reach_the_project(
    template: Path, bakery: Bakery
) -> None:
    bakery.template = Path(shutil.copytree(template, bakery.folder / "used"))
    for folder in (".mypy_cache/3.11", ".ruff_cache", "app/__pycache__", "kit/src/__pycache__"):
        cache = bakery.template / APP / folder / "cached"
        cache.parent.mkdir(parents=True)
        cache.write_bytes(b"\x80 is no text, and {{ this }} is {% no template")

    left = [path for path in bakery.bake().rglob("*") if path.name == "cached"]

    assert left == []
