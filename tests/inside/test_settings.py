"""A wrong setting stops the start with one line that names it."""

from datetime import timedelta
from pathlib import Path

import pytest
from kit.settings import Settings, load
from kit.testing.forked import Finished, python

SECRET = "s" * 40


def start(folder: Path, **environment: str) -> Finished:
    """Import the application in a process and a folder of its own."""
    return python("import app.main", environment, folder=folder)


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({}, "SECRET_KEY: missing"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY: "),
        ({"SECRET_KEY": SECRET, "DATABASE_URL": "mysql://x"}, "DATABASE_URL: must start with"),
        ({"SECRET_KEY": SECRET, "DATABASE_URL": "sqlite:"}, "DATABASE_URL: must start with"),
        ({"SECRET_KEY": SECRET, "BASE_URL": "https://"}, "BASE_URL: must have a host"),
        (
            {"SECRET_KEY": SECRET, "BASE_URL": "https://x/?y"},
            "BASE_URL: must have a host, and no ?",
        ),
        ({"SECRET_KEY": SECRET, "BROKER_URL": "redis://h:abc/0"}, "BROKER_URL: the port must be"),
        ({"SECRET_KEY": SECRET, "PROJECT_NAME": "a\nb"}, "PROJECT_NAME: must be one line"),
        ({"SECRET_KEY": SECRET, "PROJECT_NAME": "  "}, "PROJECT_NAME: must not be empty"),
        ({"SECRET_KEY": SECRET, "TASKS_ENGINE": "carrier-pigeon"}, "TASKS_ENGINE: "),
        ({"SECRET_KEY": SECRET, "TASKS_ENGINE": "celery"}, "BROKER_URL: TASKS_ENGINE=celery needs"),
        (
            {"SECRET_KEY": SECRET, "TASKS_ENGINE": "rq", "BROKER_URL": "amqp://host//"},
            "BROKER_URL: TASKS_ENGINE=rq needs redis://",
        ),
        ({"SECRET_KEY": SECRET, "BROKER_URL": "http://host"}, "BROKER_URL: must start with"),
        ({"SECRET_KEY": SECRET, "TASKS_LEASE": "-1"}, "TASKS_LEASE: must be more than 0 seconds"),
        ({"SECRET_KEY": SECRET, "TASKS_LEASE": "1m"}, "TASKS_LEASE: must be a number of seconds"),
        ({"SECRET_KEY": SECRET, "TASKS_LEASE": "1e12"}, "TASKS_LEASE: must be more than 0"),
        ({"SECRET_KEY": SECRET, "READY_MAX_QUEUE_LAG": "0"}, "READY_MAX_QUEUE_LAG: "),
        ({"SECRET_KEY": SECRET, "METRICS_TOKEN": "short"}, "METRICS_TOKEN: must have 16"),
        ({"SECRET_KEY": SECRET, "MAIL_FROM": "nobody"}, "MAIL_FROM: is no e-mail address"),
        ({"SECRET_KEY": SECRET, "BASE_URL": "example.com"}, "BASE_URL: must start with"),
        ({"SECRET_KEY": SECRET, "ENVIRONMENT": "prod"}, "ENVIRONMENT: "),
        (
            {"SECRET_KEY": SECRET, "ENVIRONMENT": "production", "TASKS_ENGINE": "immediate"},
            "TASKS_ENGINE: 'immediate' is for tests",
        ),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], line: str
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        load(Settings)
    said = str(stopped.value)
    assert said.startswith(line)
    assert "\n" not in said
    assert "short" not in said, "a secret is not repeated"


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({}, "SECRET_KEY: missing"),
        ({"SECRET_KEY": SECRET, "MAIL_URL": "pigeon://"}, "MAIL_URL: must start with"),
    ],
)
def test_what_stops_the_start_is_no_traceback(
    tmp_path: Path, environment: dict[str, str], line: str
) -> None:
    process = start(tmp_path, **environment)
    assert process.returncode != 0
    assert process.stderr.startswith(line)
    assert process.stderr.count("\n") == 1


def test_a_database_that_no_url_names_is_told_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://u:secret@h:abc/x"
    process = start(tmp_path, SECRET_KEY=SECRET, DATABASE_URL=url)
    assert process.stderr.startswith("DATABASE_URL: is no URL such as")
    assert process.stderr.count("\n") == 1
    assert "secret" not in process.stderr


def test_the_defaults_start(tmp_path: Path) -> None:
    process = start(tmp_path, SECRET_KEY=SECRET)
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:///./var/app.db", "sqlite+aiosqlite:///./var/app.db"),
        ("postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgres://u@h/d", "postgresql+psycopg://u@h/d"),
        (" SQLite:///x.db", "sqlite+aiosqlite:///x.db"),
    ],
)
def test_the_driver_is_ours_to_choose(given: str, used: str) -> None:
    assert Settings(database_url=given).database_url == used


def test_seconds_may_be_written_as_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKS_LEASE", "1.5")
    assert Settings().tasks_lease == timedelta(seconds=1.5)


@pytest.mark.parametrize(("given", "used"), [("off", None), ("60", timedelta(minutes=1))])
def test_readiness_may_ignore_the_queue(
    monkeypatch: pytest.MonkeyPatch, given: str, used: timedelta | None
) -> None:
    monkeypatch.setenv("READY_MAX_QUEUE_LAG", given)
    assert Settings().ready_max_queue_lag == used


def test_the_sender_is_called_as_the_project_unless_it_has_a_name() -> None:
    named = Settings(project_name='O\'Brien "Café"', mail_from="post@example.com")
    assert named.mail_from == '"O\'Brien \\"Café\\"" <post@example.com>'
    assert Settings(mail_from="Ann <a@example.com>").mail_from == "Ann <a@example.com>"


def test_an_engine_that_is_not_installed_stops_the_start_with_one_line(tmp_path: Path) -> None:
    code = "import sys; sys.modules['celery'] = None\n"
    code += "from kit.tasks import engines; engines.current()"
    environment = {"TASKS_ENGINE": "celery", "BROKER_URL": "redis://nowhere"}
    process = python(code, {"SECRET_KEY": SECRET, **environment}, folder=tmp_path)
    assert process.returncode == 1
    assert process.stderr == (
        "TASKS_ENGINE: celery needs celery, which is not installed; "
        'write "kit[celery]" into pyproject.toml and run `uv sync`\n'
    )


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            b"SECRET_KEY=a\nDATABASE_URL='postgresql://u:hunter2@h/d\nMAIL_FROM=a@b.de\n",
            ".env, line 2",
        ),
        (b"SECRET_KEY=a\nnonsense without meaning\n", ".env, line 2: isn't NAME=value"),
        ("SECRET_KEY=a\nPROJECT_NAME=Café\n".encode("latin-1"), ".env, line 2: isn't UTF-8"),
        ("SECRET_KEY=a\n".encode("utf-16"), ".env, line 1: isn't UTF-8"),
        (None, ".env: can't be read: Is a directory"),
    ],
)
def test_an_env_file_that_cannot_be_read_stops_the_start_with_one_line(
    tmp_path: Path, content: bytes | None, line: str
) -> None:
    env = tmp_path / ".env"
    if content is None:
        env.mkdir()
    else:
        env.write_bytes(content)
    process = python("import app.settings", {"SECRET_KEY": SECRET}, folder=tmp_path)
    assert process.returncode == 1
    assert process.stderr.startswith(line)
    assert process.stderr.count("\n") == 1
    assert "hunter2" not in process.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfPROJECT_NAME=Shop\r\nexport LOG_LEVEL=DEBUG\r\n",
        b"# a comment\n\nPROJECT_NAME='Shop' # said so\nPOSTGRES_PASSWORD=\nMULTI=\"two\nlines\"\n",
    ],
)
def test_an_env_file_may_have_what_other_tools_write(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)
    code = "from app.settings import settings; print(settings.project_name)"
    process = python(code, {"SECRET_KEY": SECRET}, folder=tmp_path)
    assert (process.stdout, process.stderr) == ("Shop\n", "")


@pytest.mark.parametrize("command", ["serve", "worker", "scheduler"])
def test_servers_are_for_production_unless_told_otherwise(tmp_path: Path, command: str) -> None:
    code = f"import sys; sys.argv = ['manage', {command!r}]; from kit.cli import main; main()"
    process = python(code, {"SECRET_KEY": SECRET}, folder=tmp_path)
    assert process.returncode == 1
    assert [line.partition(":")[0] for line in process.stderr.splitlines()] == [
        "BASE_URL",
        "DATABASE_URL",
        "MAIL_URL",
    ]


@pytest.mark.parametrize(
    ("environment", "paths"),
    [
        ({"ENVIRONMENT": "development"}, []),
        ({"ENVIRONMENT": "development", "KIT_DEV": "yes"}, ["/dev/mailbox"]),
        ({"ENVIRONMENT": "development", "FASTAPI_ENV": "development"}, ["/dev/mailbox"]),
        (
            {
                "ENVIRONMENT": "production",
                "KIT_DEV": "yes",
                "BASE_URL": "https://shop.example",
                "DATABASE_URL": "sqlite:///app.db",
                "MAIL_URL": "smtp://localhost",
            },
            [],
        ),
    ],
)
def test_the_development_mailbox_is_served_by_manage_dev_alone(
    tmp_path: Path, environment: dict[str, str], paths: list[str]
) -> None:
    code = (
        "from app.main import app\n"
        "from starlette.routing import Match\n"
        "scope = {'type': 'http', 'method': 'GET', 'path': '/dev/mailbox', 'headers': []}\n"
        "scope['root_path'] = ''\n"
        "found = [r for r in app.router.routes if r.matches(scope)[0] is Match.FULL]\n"
        "print(['/dev/mailbox'] if found else [])"
    )
    process = python(code, {"SECRET_KEY": SECRET} | environment, folder=tmp_path)
    assert process.stdout == f"{paths}\n", process.stderr
