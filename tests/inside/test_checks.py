"""What `manage check` says, with `--deploy` and without."""

from pathlib import Path

import pytest
from kit.cli import checks
from kit.cli.checks import deployment_problems
from kit.settings import Settings
from kit.tasks import schedule

from inside.tasks.jobs import tick

SAFE = {
    "environment": "production",
    "secret_key": "qwertyuiopasdfghjklzxcvbnm0123456789",
    "base_url": "https://app.example.org",
    "log_level": "INFO",
    "database_url": "postgresql://app:secret@db.example.org/app",
    "tasks_engine": "inprocess",
    "broker_url": "redis://:secret@broker.example.org:6379/0",
    "mail_url": "smtps://user:secret@mail.example.org",
    "mail_from": "post@example.org",
    "rate_limits": True,
}


def problems(env: Path, **changes: object) -> list[str]:
    return deployment_problems(Settings.model_validate(SAFE | changes), env)


def test_nothing_is_wrong_with_what_is_safe(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    assert problems(env) == []
    env.touch(mode=0o640)
    assert problems(env) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"broker_url": None},
        {"broker_url": "redis://127.0.0.1:6379/0"},
        {"broker_url": "redis://redis:6379/0"},
        {"mail_url": "smtp://127.0.0.1:25?tls=none"},
        {"mail_url": "smtp://user:secret@mail.example.org:587?tls=starttls"},
    ],
)
def test_a_neighbour_needs_neither_password_nor_tls(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    assert problems(tmp_path / ".env", **changes) == []


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("environment", "development", "not production"),
        ("secret_key", "secret" * 8, "can be guessed"),
        ("base_url", "http://app.example.org", "not https"),
        ("log_level", "DEBUG", "what people typed"),
        ("database_url", "sqlite:///./var/app.db", "SQLite"),
        ("broker_url", "redis://broker.example.org:6379/0", "needs a password"),
        ("broker_url", "amqp://guest:guest@broker.example.org//", "needs a password"),
        ("mail_url", "mailbox://", "development mailbox"),
        ("mail_url", "smtp://mail.example.org:25?tls=none", "in clear"),
        ("mail_from", "noreply@example.com", "nobody's address"),
        ("rate_limits", False, "off"),
    ],
)
def test_each_unsafe_setting_is_named(
    tmp_path: Path, setting: str, value: object, reason: str
) -> None:
    (problem,) = problems(tmp_path / ".env", **{setting: value})
    assert problem.startswith(f"{setting.upper()}: ")
    assert reason in problem


def test_a_file_of_secrets_that_everybody_may_read_is_named(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.touch()
    env.chmod(0o644)
    (problem,) = problems(env)
    assert problem.startswith(".env: ")


def test_a_name_that_is_nearly_a_setting_is_found(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("SECRET_KEY=x\nTASKS_CONCURENCY=5\nPOSTGRES_PASSWORD=x\nbase_url=x\n")
    assert list(checks.problems(env)) == [
        "TASKS_CONCURENCY: in .env, but no setting has this name; TASKS_CONCURRENCY?"
    ]
    assert list(checks.problems(tmp_path / "none")) == []


def test_a_schedule_that_makes_no_sense_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    senseless = schedule.Schedule(tick, every=None, cron="0 0 31 2 *", timezone="UTC")
    monkeypatch.setattr(schedule, "_schedules", [senseless])
    assert list(checks.problems(tmp_path / "none")) == [f"{tick.name}: '0 0 31 2 *' never comes"]
