"""Every way to install a project, and what then works from an empty folder."""

import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Bakery, Env, get, run, said, succeed
from serving import Running

SECRET = "only-for-tests-and-the-same-for-all-of-them"
PAGES = ["/", "/register", "/docs", "/healthz", "/readyz"]
STATIC = ["app.css", "admin.css", "vendor/pico-2.1.1/pico.min.css"]
SOURCES = """
from kit.startapp.names import Names
from kit.startapp.writing import render
print(len(render(Names("invoices", "Invoice"))))
"""

Works = Callable[[Path], None]


@pytest.fixture
def works(tmp_path: Path, address: str, project_env: Env) -> Iterator[Works]:
    """Try the project that is installed in an environment, and has no folder at hand."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    env = project_env | {"SECRET_KEY": SECRET, "ENVIRONMENT": "development"}
    running = Running(folder, tmp_path / "log")

    def works(environment: Path) -> None:
        tools = environment / "bin"

        def manage(*words: str) -> str:
            done = run(tools / "manage", *words, cwd=folder, env=env)
            assert done.returncode == 0, said(done)
            return done.stdout

        assert "createsuperuser" in manage("--help")
        migrated = manage("migrate")
        assert "kit: applied" in migrated
        assert "app: applied" in migrated
        assert manage("check") == "No problems found.\n"
        manage("sendtestemail", "ann@example.com")
        assert len(list(folder.glob("var/mail/*.eml"))) == 1
        assert int(succeed(tools / "python", "-c", SOURCES, cwd=folder, env=env)) > 10

        port = address.rpartition(":")[2]
        running.start([str(tools / "manage"), "serve", "--port", port], env)
        for path in [*PAGES, *(f"/static/{name}" for name in STATIC)]:
            assert get(f"http://{address}{path}", running.log)

    yield works
    running.kill()


@pytest.fixture(scope="module")
def wheels(
    synced: Path, uv: str, project_env: Env, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder with the wheels and the source distributions of both packages."""
    folder = tmp_path_factory.mktemp("dist")
    command = (uv, "build", "--quiet", "--all-packages", "--out-dir", folder)
    succeed(*command, cwd=synced, env=project_env)
    return folder


def test_uv_installs_a_folder_to_work_in(synced: Path, works: Works) -> None:
    works(synced / ".venv")


def test_uv_installs_copies(
    synced: Path, uv: str, project_env: Env, tmp_path: Path, works: Works
) -> None:
    env = project_env | {"UV_PROJECT_ENVIRONMENT": str(tmp_path / "venv")}
    succeed(uv, "sync", "--no-editable", "--no-dev", cwd=synced, env=env)

    works(tmp_path / "venv")
    assert is_copied(tmp_path / "venv")


def test_pip_installs_a_folder_to_work_in_and_copies(
    bakery: Bakery, project_env: Env, tmp_path: Path, works: Works
) -> None:
    project, environment = bakery.bake(), tmp_path / "venv"
    succeed(sys.executable, "-m", "venv", environment, cwd=tmp_path, env=project_env)
    pip = (environment / "bin/pip", "--quiet", "--disable-pip-version-check", "install")
    succeed(*pip, "--editable", "./kit", "--editable", ".", cwd=project, env=project_env)
    works(environment)
    assert not is_copied(environment)

    again = ("--no-deps", "--force-reinstall", "./kit", ".")
    succeed(*pip, *again, cwd=project, env=project_env)
    assert is_copied(environment)
    env = project_env | {"SECRET_KEY": SECRET}
    succeed(environment / "bin/manage", "check", cwd=tmp_path, env=env)


def test_wheels_hold_all_that_runs(
    wheels: Path, uv: str, project_env: Env, tmp_path: Path, works: Works
) -> None:
    environment = tmp_path / "venv"
    succeed(uv, "venv", "--quiet", environment, cwd=tmp_path, env=project_env)
    install = (uv, "pip", "install", "--quiet", "--python", environment / "bin/python")
    succeed(*install, *wheels.glob("*.whl"), cwd=tmp_path, env=project_env)

    works(environment)


def test_what_is_distributed_holds_no_tests_secrets_or_data(wheels: Path) -> None:
    names = [name for file in wheels.glob("*.whl") for name in zipfile.ZipFile(file).namelist()]
    for file in wheels.glob("*.tar.gz"):
        with tarfile.open(file) as archive:
            names += [name.partition("/")[2] for name in archive.getnames()]

    tops = {name.removeprefix("src/").partition("/")[0] for name in names if name}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        *("README.md", "PKG-INFO", "pyproject.toml", "pyproject.toml.orig", "src"),
        *("app", "kit", "migrations"),
    }
    assert [name for name in names if name.endswith((".env", ".db", ".eml", ".pyc"))] == []


def is_copied(environment: Path) -> bool:
    """Whether both packages lie in the environment itself."""
    [packages] = environment.glob("lib/*/site-packages")
    return all((packages / name).is_dir() for name in ("app", "kit", "migrations"))
