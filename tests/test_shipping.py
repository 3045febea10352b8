"""The files that ship a project: what linters say of them, and what must agree in them."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from conftest import Bakery, run, said, succeed
from containers import SHUTDOWN_TIMEOUT, compose, instructions

UNITS = "deploy/systemd"


def tool(name: str) -> str:
    """A linter of our own environment."""
    return str(Path(sys.executable).parent / name)


def test_the_dockerfile_is_clean(project: Path) -> None:
    succeed(tool("hadolint"), "Dockerfile", cwd=project)


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.compose-spec", "compose.yaml"),
        ("vendor.github-workflows", ".github/workflows/tests.yml"),
    ],
)
def test_yaml_is_as_its_schema_says(project: Path, schema: str, file: str) -> None:
    succeed(tool("check-jsonschema"), "--builtin-schema", schema, file, cwd=project)


@pytest.mark.parametrize("engine", ["celery", "dramatiq", "rq", "inprocess"])
def test_compose_runs_the_engine_that_was_chosen(bakery: Bakery, engine: str) -> None:
    project = bakery.bake(task_engine=engine)
    services = compose(project)["services"]
    assert services["worker"]["environment"]["TASKS_ENGINE"] == engine
    assert ("flower" in services) == (engine == "celery")
    assert f"TASKS_ENGINE={engine}\n" in (project / "README.md").read_text()


def test_a_change_of_the_code_builds_no_package_again(project: Path) -> None:
    """What the layer of packages is built from: no code."""
    words = instructions((project / "Dockerfile").read_text())
    packages = words[: [rest for _, rest in words].index("python:${PYTHON}-slim", 1)]

    assert [rest for word, rest in packages if word == "COPY"] == [
        "pyproject.toml uv.lock* ./",
        "kit/pyproject.toml kit/",
    ]


def test_the_workflow_is_safe(project: Path) -> None:
    succeed(tool("zizmor"), "--offline", "--no-progress", ".github", cwd=project)


def test_systemd_understands_the_units(project: Path, tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze") or pytest.skip("systemd is not installed")
    shutil.copytree(project / UNITS, tmp_path, dirs_exist_ok=True)
    for unit in tmp_path.glob("*.service"):
        unit.write_text(unit.read_text().replace("/srv/app/.venv/bin/manage", sys.executable))
    (tmp_path / "app-worker@1.service").symlink_to(tmp_path / "app-worker@.service")

    for name in ("app-web", "app-worker@1", "app-scheduler"):
        unit = tmp_path / f"{name}.service"
        env = os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
        done = run(verify, "verify", "--man=no", unit, cwd=tmp_path, env=env)
        assert (done.returncode, done.stderr) == (0, ""), said(done)


def test_everything_waits_for_work_to_end(project: Path) -> None:
    """At most SHUTDOWN_TIMEOUT for connections, then SHUTDOWN_TIMEOUT and 5 s for jobs."""
    hardening = (project / UNITS / "app-.service.d/hardening.conf").read_text()
    grace = compose(project)["services"]["web"]["stop_grace_period"]
    for seconds in (re.search(r"TimeoutStopSec=(\d+)", hardening), re.match(r"(\d+)s", grace)):
        assert seconds
        assert int(seconds[1]) > 2 * SHUTDOWN_TIMEOUT + 5


def test_only_this_machine_reaches_a_port(project: Path) -> None:
    ports = [p for s in compose(project)["services"].values() for p in s.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_no_secret_gets_into_the_image(project: Path) -> None:
    (project / ".env").touch()
    ignored = (project / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == {
        *("app", "kit/pyproject.toml", "kit/src", "migrations", "pyproject.toml", "uv.lock")
    }
