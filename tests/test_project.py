"""What a new project does: every command that its README names, run for real."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import APP, ROOT, Bakery, run, said, succeed
from test_hooks import NAMES

Env = dict[str, str]
OTHER_ENGINES = ["dramatiq", "rq"]
"""Those that the default project, whose environment the tests in place use, has not got."""


@pytest.fixture
def services(request: pytest.FixtureRequest, synced: Path, project_env: Env, uv: str) -> list[str]:
    """`--require-services`, when these tests were given it, and the browser's driver with it."""
    if not request.config.getoption("--require-services"):
        return []
    succeed(uv, "sync", "--all-groups", cwd=synced, env=project_env)
    return ["--require-services"]


def test_lint_format_and_types_are_clean(synced: Path, project_env: Env) -> None:
    succeed("make", "check", cwd=synced, env=project_env)


def test_its_own_tests_pass(synced: Path, project_env: Env, services: list[str]) -> None:
    arguments = f"ARGS={' '.join(services)}"

    told = succeed("make", "test", arguments, cwd=synced, env=project_env, timeout=1800)
    assert " passed" in told
    print(*(line for line in told.splitlines() if "accepted" in line), sep="\n")  # the storms


def test_what_it_leaves_behind_is_ignored_except_its_lock(synced: Path) -> None:
    assert succeed("git", "status", "--porcelain", cwd=synced) == "?? uv.lock\n"


def test_lint_format_and_types_are_clean_in_place(
    template: Path, in_place: Env, tmp_path: Path
) -> None:
    succeed("ruff", "check", "--no-cache", cwd=template / APP, env=in_place)
    succeed("ruff", "format", "--check", "--no-cache", cwd=template / APP, env=in_place)
    others = f"engines/({'|'.join(OTHER_ENGINES)})"
    succeed("mypy", "--cache-dir", tmp_path, "--exclude", others, cwd=template / APP, env=in_place)


def test_the_tests_pass_in_place_and_on_postgresql(template: Path, in_place: Env) -> None:
    """All but tests/services, which takes minutes and has a PostgreSQL of its own."""
    succeed(
        *("python", "-m", "pytest", "-p", "no:cacheprovider", "--database=postgresql"),
        cwd=template / APP,
        env=in_place,
        timeout=900,
    )


def test_the_template_itself_is_clean(template: Path) -> None:
    succeed("ruff", "check", "--no-cache", cwd=template)
    succeed("ruff", "format", "--check", "--no-cache", cwd=template)
    succeed("mypy", cwd=template)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_reaches_the_settings(
    bakery: Bakery, synced: Path, in_place: Env, name: str
) -> None:
    project = bakery.bake(project_name=name, project_slug="named")
    program = (
        "import json; from app.settings import settings; print(json.dumps(settings.project_name))"
    )

    assert json.loads(succeed("python", "-c", program, cwd=project, env=in_place)) == name


def test_the_settings_shown_in_the_example_are_the_defaults(bakery: Bakery, in_place: Env) -> None:
    project = bakery.bake()
    program = "from app.settings import settings; print(settings)"
    defaults = succeed("python", "-c", program, cwd=project, env=in_place)
    env = (project / ".env").read_text()
    (project / ".env").write_text(re.sub(r"^# (?=[A-Z_]+=)", "", env, flags=re.MULTILINE))

    assert (project / ".env").read_text() != env
    assert succeed("python", "-c", program, cwd=project, env=in_place) == defaults


def test_manage_explains_itself(synced: Path, in_place: Env) -> None:
    words = succeed("manage", "--help", cwd=synced, env=in_place)

    for command in ("dev", "serve", "worker", "migrate", "createsuperuser", "jobs"):
        assert command in words


@pytest.fixture
def address() -> str:
    """A host and a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


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
    assert _get(f"http://{address}/healthz", running)
    assert b"My Project" in _get(f"http://{address}/", running)
    assert b"<title>" in _get(f"http://{address}/dev/mailbox", running)


def _get(url: str, log: Path, patience: float = 60) -> bytes:
    """The body at that URL, as soon as the server answers there."""
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


def test_the_list_of_names_that_are_taken_covers_the_lock(synced: Path) -> None:
    hook = (ROOT / "hooks" / "pre_gen_project.py").read_text()
    taken = set(hook.partition("DEPENDENCIES = ")[2].split('"""')[1].split())
    lock = tomllib.loads((synced / "uv.lock").read_text())
    locked = {package["name"] for package in lock["package"]} - {synced.name}

    assert locked - taken == set(), f"DEPENDENCIES should be: {' '.join(sorted(locked | taken))}"
