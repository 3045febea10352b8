"""Finish a new project: a `.env` with a secret of its own, the first commit, what to type next.

Cookiecutter renders this file, then runs it with its own Python inside the new project. A project
generated without it works too: it makes its `.env` at its first run, and needs no git.
"""

import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
from pathlib import Path

ANSWERS = json.loads({{cookiecutter | tojson | string | tojson}})  # type: ignore  # noqa: F821


def remove_caches() -> None:
    """Drop what tools left in a template that was worked in."""
    code = ("app", "kit", "migrations", "tests")
    compiled = [path for top in code for path in Path(top).rglob("__pycache__")]
    for cache in (*Path().glob(".*_cache"), *compiled):
        shutil.rmtree(cache)


def keep_one_engine() -> None:
    """Keep the chosen engine in `pyproject.toml`. The adapters of all of them are in kit."""
    chosen = ANSWERS["task_engine"]
    if chosen != "celery":
        Path("app/celery.py").unlink()
    pyproject = Path("pyproject.toml")
    lines = pyproject.read_text(encoding="utf-8").splitlines(keepends=True)
    marked = [(line, re.search(r"  # task_engine = (\w+)(: )?", line)) for line in lines]
    kept = [
        line.replace(mark[0], "  # " if mark[2] else "") if mark else line
        for line, mark in marked
        if not mark or mark[1] == chosen
    ]
    pyproject.write_text("".join(kept), encoding="utf-8")


def write_env() -> None:
    """Copy `.env.example` with fresh secrets, for its owner's eyes only; an older `.env` stays."""
    example = Path(".env.example").read_text(encoding="utf-8")
    try:
        file = os.open(".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with open(file, "w", encoding="utf-8") as env:
        env.write(re.sub(r"^[A-Z_]+=$", _with_secret, example, flags=re.MULTILINE))


def _with_secret(line: "re.Match[str]") -> str:
    """What the example leaves empty is a secret."""
    return line[0] + secrets.token_urlsafe(48)


def first_commit() -> None:
    """Commit the project to a new repository, unless the folder belongs to one already."""
    try:
        # 0: another repository ignores this folder; 1: it would hold it; 128: there is none.
        if _git("check-ignore", "--quiet", ".").returncode == 1:
            return
        for command in (
            ["init", "--quiet"],
            ["symbolic-ref", "HEAD", "refs/heads/main"],  # `init -b` needs git 2.28
            ["add", "--all"],
            [*_author(), "commit", "--quiet", "--no-verify", "--message", "Start the project"],
        ):
            _git(*command).check_returncode()
    except FileNotFoundError:
        print("git is not installed: no first commit was made.")
    except (OSError, subprocess.SubprocessError) as error:
        reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
        print(f"No first commit was made: {reason}")


def _git(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run git in this folder, without the hooks and the signing that the user set up elsewhere."""
    quiet = ["-c", f"core.hooksPath={os.devnull}", "-c", "commit.gpgSign=false"]
    redirections = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
    return subprocess.run(
        ["git", *quiet, *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=60,
        env={name: value for name, value in os.environ.items() if name not in redirections},
    )


def _author() -> "list[str]":
    """The author as answered, for what git does not know yet."""
    known = {"user.name": ANSWERS["author_name"], "user.email": ANSWERS["email"]}
    missing = [f"{key}={value}" for key, value in known.items() if _git("config", key).returncode]
    return [part for setting in missing for part in ("-c", setting)]


def next_commands() -> str:
    """What to type next, where cookiecutter was called."""
    here, called_from = Path.cwd(), os.environ.get("PWD", "")
    folder = here.name if os.path.realpath(called_from) == str(here.parent.resolve()) else str(here)
    return f"\nNext:\n    cd {shlex.quote(folder)}\n    make run"


if __name__ == "__main__":
    remove_caches()
    keep_one_engine()
    write_env()
    first_commit()
    print(next_commands())
