"""What must hold for every file of this repository."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from conftest import APP, ROOT

ON_WINDOWS = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$|^(con|prn|aux|nul|(com|lpt)\d)(\.|$)', re.I)
INDEX_HOSTS = re.compile(rb"pyp[i]\.org|python[h]osted\.org|registry\.(npm[j]s|yarn[p]kg)")


@pytest.fixture(scope="session")
def files(template: Path) -> dict[str, Path]:
    found = (path for path in sorted(template.rglob("*")) if path.is_file())
    return {path.relative_to(template).as_posix(): path for path in found}


def test_there_is_exactly_one_template_folder() -> None:
    assert [p.name for p in ROOT.iterdir() if "cookiecutter" in p.name and p.is_dir()] == [APP]


def test_no_python_file_holds_a_template_block(files: dict[str, Path]) -> None:
    inside = {name: path for name, path in files.items() if name.startswith((APP, "hooks/"))}
    python = {
        name: path.read_text("utf-8") for name, path in inside.items() if path.suffix == ".py"
    }

    assert python
    assert [
        name for name, text in python.items() if re.search(r"\{%-?\s*(if|for|set|raw)\b", text)
    ] == []


def test_no_file_names_the_host_of_a_package_index(files: dict[str, Path]) -> None:
    assert [name for name, path in files.items() if INDEX_HOSTS.search(path.read_bytes())] == []


def test_no_lock_file_is_committed(files: dict[str, Path]) -> None:
    locks = {"uv.lock", "poetry.lock", "package-lock.json", "pylock.toml"}

    assert [name for name in files if name.split("/")[-1] in locks] == []


def test_every_name_works_on_windows(files: dict[str, Path]) -> None:
    parts = {part for name in files for part in name.split("/")}

    assert [part for part in parts if ON_WINDOWS.search(part)] == []
    assert len({name.lower() for name in files}) == len(files)


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_both_pyprojects_stand_at_the_same_date() -> None:
    here, there = (
        tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["uv"]["exclude-newer"]
        for folder in (ROOT, ROOT / APP)
    )

    assert here == there


def test_every_question_has_a_help_text() -> None:
    questions = json.loads((ROOT / "cookiecutter.json").read_text("utf-8"))

    assert {q for q in questions if not q.startswith("_")} == set(questions["__prompts__"])
