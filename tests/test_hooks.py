"""What is refused, what is not, and what a new project comes with."""

import stat
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import Bakery, run, succeed
from dotenv import dotenv_values

NAMES = [
    "O'Brien's \"Café\": 100%",
    "a # b",
    "back\\slash\\new",
    "{{ 7*7 }} {# no comment",
    "$HOME and $(id) `id`",
    "[a, b]: {c: d}, & *e !f | > @g",
    "日本語 🎉👩‍👩‍👧",
    "  spaces around  ",
    "'''quoted''' \"\"\"twice\"\"\"",
    "\\u00e9 \\",
    "- yes",
    "=",
    "<b>&amp;</b>",
]


def git(project: Path, *arguments: str) -> str:
    return succeed("git", *arguments, cwd=project)


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("project_name", "", "empty"),
        ("project_name", "  ", "empty"),
        ("project_name", "x" * 101, "101 characters"),
        ("project_name", "two\nlines", "control character"),
        ("project_name", "bell\x07", "control character"),
        ("project_name", "line\u2028end", "control character"),
        ("project_name", "${HOME}", "variable"),
        ("project_slug", "", "isn't a valid name"),
        ("project_slug", "My Project", "isn't a valid name"),
        ("project_slug", "café", "isn't a valid name"),
        ("project_slug", "1st", "isn't a valid name"),
        ("project_slug", "-x", "isn't a valid name"),
        ("project_slug", "x-", "isn't a valid name"),
        ("project_slug", "a--b", "isn't a valid name"),
        ("project_slug", "a.b", "isn't a valid name"),
        ("project_slug", "a/b", "isn't a valid name"),
        ("project_slug", "../x", "isn't a valid name"),
        ("project_slug", "..", "isn't a valid name"),
        ("project_slug", "/absolute/path", "isn't a valid name"),
        ("project_slug", "a\\b", "isn't a valid name"),
        ("project_slug", "quote'\"", "isn't a valid name"),
        ("project_slug", "{{ 7*7 }}", "isn't a valid name"),
        ("project_slug", "x" * 51, "51 characters"),
        ("project_slug", "x" * 300, "300 characters"),
        ("project_slug", "class", "keyword"),
        ("project_slug", "async", "keyword"),
        ("project_slug", "json", "standard library"),
        ("project_slug", "concurrent", "standard library"),
        ("project_slug", "fastapi", "depends on"),
        ("project_slug", "fastapi_mail", "depends on"),
        ("project_slug", "starlette", "depends on"),
        ("project_slug", "app", "folder inside"),
        ("project_slug", "kit", "folder inside"),
        ("project_slug", "tests", "folder inside"),
        ("project_slug", "migrations", "folder inside"),
        ("email", "", "isn't an e-mail address"),
        ("email", "nobody", "isn't an e-mail address"),
        ("email", "a@b@example.com", "isn't an e-mail address"),
        ("email", "a b@example.com", "isn't an e-mail address"),
        ("email", "a@localhost", "isn't an e-mail address"),
        ("email", "a@-x.com", "isn't an e-mail address"),
        ("email", "a@x-.com", "isn't an e-mail address"),
        ("email", "a..b@example.com", "isn't an e-mail address"),
        ("email", "a@example.com\nBcc: b@example.com", "control character"),
        ("email", '"; import os"@example.com', "isn't an e-mail address"),
        ("python_version", "3.10", "too old"),
        ("python_version", "3.9", "too old"),
        ("python_version", "2.7", "isn't a version"),
        ("python_version", "3", "isn't a version"),
        ("python_version", "3.11.4", "isn't a version"),
        ("python_version", "", "isn't a version"),
        ("python_version", "three", "isn't a version"),
    ],
)
def test_a_bad_answer_is_refused_in_one_line_and_leaves_nothing(
    bakery: Bakery, question: str, answer: str, reason: str
) -> None:
    done = bakery.try_to_bake(**{question: answer})

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"ERROR: {question}")
    assert reason in line
    assert list(bakery.shelf.iterdir()) == []
    assert sorted(bakery.folder.iterdir()) == [bakery.home, bakery.shelf]


def test_an_older_folder_of_the_same_name_is_left_alone(bakery: Bakery) -> None:
    (bakery.shelf / "my-project").mkdir()
    (bakery.shelf / "my-project" / "precious").touch()

    assert bakery.try_to_bake().returncode == 1
    assert [path.name for path in bakery.shelf.rglob("*")] == ["my-project", "precious"]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Blue Whale", "blue-whale"),
        ("O'Brien's \"Café\": 100%", "o-brien-s-cafe-100"),
        ("3D Shop", "d-shop"),
        ("x" * 100, "x" * 50),
    ],
)
def test_the_slug_is_derived_from_the_name(bakery: Bakery, name: str, slug: str) -> None:
    assert bakery.bake(project_name=name).name == slug


@pytest.mark.parametrize("slug", ["a", "my_shop", "my-shop", "shop2", "x" * 50])
def test_a_good_slug_is_taken_as_it_is(bakery: Bakery, slug: str) -> None:
    project = bakery.bake(project_slug=slug)

    assert project.name == slug
    assert tomllib.loads((project / "pyproject.toml").read_text())["project"]["name"] == slug


@pytest.mark.parametrize(
    "email", ["a@example.com", "o'brien+tag@sub.example.co.uk", "a@bücher.example"]
)
def test_a_good_email_is_taken_as_it_is(bakery: Bakery, email: str) -> None:
    pyproject = (bakery.bake(email=email) / "pyproject.toml").read_text("utf-8")

    assert tomllib.loads(pyproject)["project"]["authors"][0]["email"] == email


@pytest.mark.parametrize("name", NAMES)
def test_any_name_reads_back_exactly_as_it_was_given(bakery: Bakery, name: str) -> None:
    project = bakery.bake(
        project_name=name, project_slug="named", author_name=name, description=name
    )

    metadata = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    assert metadata["description"] == name
    assert metadata["authors"][0]["name"] == name
    assert dotenv_values(project / ".env")["PROJECT_NAME"] == name
    assert dotenv_values(project / ".env.example")["PROJECT_NAME"] == name
    assert name in (project / "LICENSE").read_text("utf-8")
    assert git(project, "status", "--porcelain") == ""


def test_the_secret_is_fresh_private_and_never_committed(bakery: Bakery) -> None:
    projects = [bakery.bake(project_slug=slug) for slug in ("one", "two")]

    secrets = [dotenv_values(project / ".env")["SECRET_KEY"] for project in projects]
    assert len(set(secrets)) == 2
    for project, secret in zip(projects, secrets, strict=True):
        assert secret
        assert len(secret) == 64
        assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
        assert secret not in git(project, "log", "-p", "--all")
        assert not dotenv_values(project / ".env.example")["SECRET_KEY"]


def test_the_secret_stays_when_a_project_is_baked_over(bakery: Bakery) -> None:
    secret = (bakery.bake() / ".env").read_text()
    bakery.options = ["--overwrite-if-exists"]

    assert (bakery.bake() / ".env").read_text() == secret


def test_a_project_begins_with_one_commit_on_main_by_the_author(bakery: Bakery) -> None:
    project = bakery.bake(author_name="Ada Lovelace", email="ada@example.com")

    assert git(project, "log", "--format=%an <%ae>", "main").splitlines() == [
        "Ada Lovelace <ada@example.com>"
    ]
    assert git(project, "status", "--porcelain") == ""


def test_the_users_own_git_identity_wins(bakery: Bakery) -> None:
    (bakery.home / ".gitconfig").write_text("[user]\nname = Grace\nemail = grace@example.com\n")

    assert git(bakery.bake(), "log", "--format=%an <%ae>") == "Grace <grace@example.com>\n"


def test_hooks_and_signing_of_the_user_do_not_touch_the_first_commit(bakery: Bakery) -> None:
    hook = bakery.home / "template" / "hooks" / "pre-commit"
    hook.parent.mkdir(parents=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (bakery.home / ".gitconfig").write_text(
        f"[init]\ntemplateDir = {hook.parent.parent}\n[core]\nhooksPath = {hook.parent}\n"
        "[commit]\ngpgSign = true\n[gpg]\nprogram = /does/not/exist\n"
    )

    assert git(bakery.bake(), "rev-list", "--count", "HEAD").strip() == "1"


def test_a_project_inside_another_repository_is_left_to_that_one(bakery: Bakery) -> None:
    git(bakery.shelf, "init", "--quiet")

    assert not (bakery.bake(project_slug="inside") / ".git").exists()


def test_a_project_in_an_ignored_folder_is_a_repository_of_its_own(bakery: Bakery) -> None:
    git(bakery.shelf, "init", "--quiet")
    (bakery.shelf / ".gitignore").write_text("*\n")

    assert (bakery.bake(project_slug="inside") / ".git").exists()


def test_generating_works_without_git(bakery: Bakery, tmp_path: Path) -> None:
    bakery.env["PATH"] = str(tmp_path)
    done = bakery.try_to_bake()

    assert done.returncode == 0
    assert "git is not installed" in done.stdout
    assert "make run" in done.stdout
    assert (bakery.shelf / "my-project" / ".env").exists()


def test_generating_works_when_git_fails(bakery: Bakery) -> None:
    (bakery.home / ".gitconfig").write_text("no configuration at all")
    done = bakery.try_to_bake()

    assert done.returncode == 0
    assert "No first commit was made: " in done.stdout
    assert (bakery.shelf / "my-project" / "Makefile").exists()


def test_generating_works_without_hooks(bakery: Bakery) -> None:
    bakery.options = ["--accept-hooks", "no"]
    project = bakery.bake()

    assert (project / ".env.example").exists()
    assert not (project / ".env").exists()


def test_the_next_two_commands_are_printed_last(bakery: Bakery) -> None:
    done = bakery.try_to_bake()

    assert done.stderr == ""
    assert done.stdout.split("\n")[-4:] == ["Next:", "    cd my-project", "    make run", ""]


def test_the_next_commands_name_a_folder_elsewhere_in_full(bakery: Bakery, tmp_path: Path) -> None:
    elsewhere = tmp_path / "some where"
    bakery.options = ["--output-dir", str(elsewhere)]

    assert f"cd '{elsewhere / 'my-project'}'" in bakery.try_to_bake().stdout


def test_the_hooks_are_written_for_python_3_8(template: Path, tmp_path: Path) -> None:
    for hook in sorted((template / "hooks").glob("*.py")):
        checked = "import ast, sys; ast.parse(open(sys.argv[1]).read(), feature_version=(3, 8))"
        assert run(sys.executable, "-c", checked, hook, cwd=tmp_path).returncode == 0
