"""What a new project does: every command that its README names, run for real."""

import json
import os
import re
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import APP, ROOT, Bakery, Env, get, run, said, succeed
from test_hooks import NAMES


@pytest.fixture
def services(request: pytest.FixtureRequest, synced: Path, project_env: Env, uv: str) -> list[str]:
    """`--require-services`, when these tests were given it, and the browser's driver with it."""
    if not request.config.getoption("--require-services"):
        return []
    succeed(uv, "sync", "--all-groups", cwd=synced, env=project_env)
    return ["--require-services"]


def test_lint_format_types_and_imports_are_clean(synced: Path, project_env: Env) -> None:
    told = succeed("make", "check", cwd=synced, env=project_env)

    assert re.search(r"kit never imports app.* KEPT", told)


def test_its_own_tests_pass(synced: Path, project_env: Env, services: list[str]) -> None:
    arguments = f"ARGS={' '.join(services)}"

    assert " passed" in succeed("make", "test", arguments, cwd=synced, env=project_env, timeout=600)


def test_its_own_tests_pass_in_place_and_on_postgresql(
    template: Path, env_of: Callable[[Path], Env]
) -> None:
    succeed(
        *("python", "-m", "pytest", "-p", "no:cacheprovider", "--database=postgresql"),
        cwd=template / APP,
        env=env_of(template / APP),
        timeout=600,
    )


def test_what_it_leaves_behind_is_ignored_except_its_lock(synced: Path) -> None:
    assert succeed("git", "status", "--porcelain", cwd=synced) == "?? uv.lock\n"


def test_the_lock_keeps_to_the_date_for_kit_too(synced: Path) -> None:
    date = tomllib.loads((synced / "pyproject.toml").read_text())["tool"]["uv"]["exclude-newer"]
    lock = tomllib.loads((synced / "uv.lock").read_text())
    [kit] = [package for package in lock["package"] if package["name"] == "kit"]

    assert lock["options"]["exclude-newer"] == date
    assert kit["source"] == {"editable": "kit"}
    uploaded = [
        file["upload-time"]
        for package in lock["package"]
        for file in package.get("wheels", [])
        if "upload-time" in file  # not every index tells
    ]
    assert max(uploaded, default="") < date


def test_the_template_is_clean_in_place(template: Path, project_env: Env, tmp_path: Path) -> None:
    """With the engines of all projects installed."""
    copy = shutil.copytree(template, tmp_path / "template")
    succeed("make", "check", cwd=copy, env=project_env, timeout=600)


def test_a_project_without_the_front_page_and_the_examples_passes(
    bakery: Bakery, env_of: Callable[[Path], Env]
) -> None:
    project = bakery.bake()
    for name in ("home", "examples"):
        shutil.rmtree(project / "app" / name)
        shutil.rmtree(project / "tests" / name, ignore_errors=True)
        for test in (project / "tests").rglob(f"test_{name}*.py"):
            test.unlink()

    succeed("ruff", "check", cwd=project, env=env_of(project))
    succeed("mypy", cwd=project, env=env_of(project))
    succeed("lint-imports", cwd=project, env=env_of(project))
    assert " passed" in succeed("pytest", cwd=project, env=env_of(project), timeout=600)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_reaches_the_settings(
    bakery: Bakery, env_of: Callable[[Path], Env], name: str
) -> None:
    project = bakery.bake(project_name=name, project_slug="named")
    program = (
        "import json; from app.settings import settings; print(json.dumps(settings.project_name))"
    )

    assert json.loads(succeed("python", "-c", program, cwd=project, env=env_of(project))) == name


def test_the_settings_shown_in_the_example_are_the_defaults(
    bakery: Bakery, env_of: Callable[[Path], Env]
) -> None:
    project = bakery.bake()
    env = env_of(project)
    program = "from app.settings import settings; print(settings)"
    defaults = succeed("python", "-c", program, cwd=project, env=env)
    before = (project / ".env").read_text()
    (project / ".env").write_text(re.sub(r"^# (?=[A-Z_]+=)", "", before, flags=re.MULTILINE))

    assert (project / ".env").read_text() != before
    assert succeed("python", "-c", program, cwd=project, env=env) == defaults


def test_manage_explains_itself(synced: Path, env_of: Callable[[Path], Env]) -> None:
    words = succeed("manage", "--help", cwd=synced, env=env_of(synced))

    for command in ("dev", "serve", "worker", "migrate", "createsuperuser", "jobs"):
        assert command in words


@pytest.fixture(params=["make run", "fastapi dev"])
def running(
    request: pytest.FixtureRequest,
    synced: Path,
    project_env: Env,
    uv: str,
    address: str,
    tmp_path: Path,
) -> Iterator[Path]:
    """The server at that address, in a process group that is ended afterwards; its log."""
    log = tmp_path / "log"
    port = f"--port={address.rpartition(':')[2]}"
    commands = {
        "make run": ["make", "run", f"ARGS={port}"],
        "fastapi dev": [uv, "run", "fastapi", "dev", port],
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            commands[request.param],
            cwd=synced,
            env=project_env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield log
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_a_development_server_serves_pages_and_health(running: Path, address: str) -> None:
    assert get(f"http://{address}/healthz", running)
    assert b"My Project" in get(f"http://{address}/", running)
    assert b"<title>" in get(f"http://{address}/dev/mailbox", running)


def test_a_machine_without_uv_gets_one(bakery: Bakery, project_env: Env, tmp_path: Path) -> None:
    """In a folder with a space in its name, with nothing but what make needs on the path."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("python3", "sh", "awk", "rm"):
        (tools / tool).symlink_to(shutil.which(tool) or pytest.fail(f"{tool} is missing"))
    bakery.options = ["--output-dir", str(tmp_path / "with space")]
    assert bakery.try_to_bake().returncode == 0
    project = tmp_path / "with space" / "my-project"

    make = shutil.which("make") or "make"
    done = run(make, ".uv/bin/uv", cwd=project, env=project_env | {"PATH": str(tools)})

    assert done.returncode == 0, said(done)
    assert succeed(project / ".uv/bin/uv", "--version", cwd=project).startswith("uv ")
    assert succeed("git", "status", "--porcelain", cwd=project) == ""


def test_the_names_that_are_taken_are_those_of_the_lock(synced: Path) -> None:
    hook = (ROOT / "hooks" / "pre_gen_project.py").read_text()
    taken = set(hook.partition("DEPENDENCIES = ")[2].split('"""')[1].split())
    lock = tomllib.loads((synced / "uv.lock").read_text())
    locked = {package["name"] for package in lock["package"]} - {synced.name, "kit"}

    assert locked == taken, f"DEPENDENCIES should be: {' '.join(sorted(locked))}"
