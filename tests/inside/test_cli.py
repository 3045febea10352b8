"""`manage`, each command in a process of its own, as people start it."""

import asyncio
import json
import os
import re
import signal
import socket
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path

from httpx2 import AsyncClient, ConnectError
from kit import cli
from kit.database import Session
from kit.tasks import Job, JobStatus
from kit.tasks.tasks import prune_finished_jobs
from kit.testing import Mailbox, until
from kit.testing.forked import Running, manage_code, python, run_manage, running
from sqlmodel.ext.asyncio.session import AsyncSession
from typer.testing import CliRunner

from inside.tasks.conftest import embedded
from inside.tasks.jobs import trace

__all__ = ["embedded"]  # an autouse fixture: jobs wait in the table

ROOT = Path.cwd()
PASSWORD = "correct horse battery staple"


async def failed_job(session: AsyncSession) -> Job:
    job = await trace.enqueue(session, "path", "line")
    job.status, job.attempts, job.error = JobStatus.FAILED, 3, "Traceback: it broke"
    await session.commit()
    return job


COMMANDS = [
    *("dev", "serve", "worker", "scheduler", "migrate", "makemigrations", "createsuperuser"),
    *("startapp", "shell", "sendtestemail", "check", "jobs"),
]
SHOW_HELP = f"""
import sys
from typer.testing import CliRunner
from kit.cli import load_commands, manage
load_commands()
for command in {COMMANDS}:
    result = CliRunner().invoke(manage, [command, "--help"])
    assert result.exit_code == 0 and "Usage:" in result.output, result.output
    assert "kit.settings" not in sys.modules, command
"""


async def test_every_command_has_help_even_before_there_are_settings() -> None:
    overview = await run_manage("--help", SECRET_KEY="")
    assert overview.returncode == 0
    assert [name for name in COMMANDS if name not in overview.stdout] == []
    each = await asyncio.to_thread(python, SHOW_HELP, dict(os.environ))
    assert each.returncode == 0, each.stderr


async def test_jobs_are_listed_newest_first_and_by_status(session: AsyncSession) -> None:
    job = await failed_job(session)
    await trace.enqueue(session, "path", "line")
    await session.commit()
    both = await run_manage("jobs", "list")
    assert len(both.stdout.splitlines()) == 2
    assert both.stderr.split() == ["id", "status", "tries", "due", "task"]
    listed = (await run_manage("jobs", "list", "--status", "failed", "--task", "trace")).stdout
    assert listed.split()[:3] == [str(job.id), "failed", "3/3"]
    wrong = await run_manage("jobs", "list", "--status", "lost")
    assert wrong.returncode == 2
    assert "'lost' is not one of 'ready'" in wrong.stderr


async def test_show_tells_all_there_is_of_a_job(session: AsyncSession) -> None:
    shown = (await run_manage("jobs", "show", str((await failed_job(session)).id))).stdout
    assert '{"path": "path", "line": "line"}' in shown
    assert "Traceback: it broke" in shown


async def test_jobs_are_found_by_queue_and_text_and_printed_for_programs(
    session: AsyncSession,
) -> None:
    job = await trace.using(queue="mail").enqueue(session, "path", "line of Ann")
    job.arguments |= {"token": "hush"}
    await trace.enqueue(session, "path", "line of Bob")
    await session.commit()
    listed = await run_manage("jobs", "list", "--queue", "mail", "--text", "of ann", "--json")
    (found,) = json.loads(listed.stdout)
    assert (found["id"], found["queue"], found["priority"]) == (str(job.id), "mail", 0)
    assert found["arguments"]["token"] == "[redacted]"
    shown = await run_manage("jobs", "show", str(job.id), "--json")
    assert json.loads(shown.stdout) == found
    assert "hush" not in (await run_manage("jobs", "show", str(job.id))).stdout


async def test_why_a_job_waits_for_another_attempt_is_shown_and_found(
    session: AsyncSession,
) -> None:
    job = Job(task="send", max_attempts=8, attempts=1, error="Retry: the server said 451")
    session.add(job)
    await session.commit()
    assert str(job.id) in (await run_manage("jobs", "list", "--text", "451")).stdout
    assert "Retry: the server said 451" in (await run_manage("jobs", "show", str(job.id))).stdout


async def test_stats_tell_how_late_a_queue_is_and_what_failed(session: AsyncSession) -> None:
    late = await trace.using(queue="mail").enqueue(session, "path", "line")
    late.run_after -= timedelta(minutes=5)
    await failed_job(session)
    lines = (await run_manage("jobs", "stats")).stdout.splitlines()
    assert re.fullmatch(r"mail +1 +0 +0 +3\d\d s", lines[1])
    assert ["1", "failed", trace.name] in [line.split() for line in lines]
    figures = json.loads((await run_manage("jobs", "stats", "--json")).stdout)
    assert 300 <= figures["queues"][0]["lag"] < 360
    assert {"task": trace.name, "status": "failed", "jobs": 1} in figures["tasks"]


async def test_the_schedules_are_listed_with_when_each_is_due_next() -> None:
    listed = (await run_manage("jobs", "schedules")).stdout.splitlines()
    assert listed == sorted(listed)
    pruning = next(line for line in listed if line.endswith("prune_finished_jobs"))
    assert re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ  (every|[\d*]+ [\d*]+) ", pruning)


async def test_a_job_that_is_not_there_is_one_line_and_exit_code_1() -> None:
    for command in ("show", "retry", "cancel"):
        process = await run_manage("jobs", command, "00000000-0000-0000-0000-000000000000")
        assert process.returncode == 1
        assert process.stderr == "There is no job 00000000-0000-0000-0000-000000000000.\n"


async def test_a_failed_job_can_be_retried_alone_or_with_all_others(session: AsyncSession) -> None:
    job = await failed_job(session)
    assert (await run_manage("jobs", "retry", str(job.id))).returncode == 0
    await session.refresh(job)
    assert (job.status, job.attempts, job.finished_at) == (JobStatus.READY, 0, None)

    await failed_job(session)
    assert "Ready: 1." in (await run_manage("jobs", "retry", "--failed")).stdout
    assert "Ready: 0." in (await run_manage("jobs", "retry", "--waiting", "--queue", "mail")).stdout
    for arguments in ((), ("--failed", "--waiting"), (str(job.id), "--queue", "mail")):
        assert CliRunner().invoke(cli.manage, ["jobs", "retry", *arguments]).exit_code == 2


async def test_due_jobs_can_be_announced_anew(session: AsyncSession) -> None:
    job = await trace.enqueue(session, "path", "line")
    await session.commit()
    assert (await run_manage("jobs", "announce")).stdout == "To be announced: 1.\n"
    await session.refresh(job)
    assert job.announced_at is None


async def test_a_waiting_job_can_be_cancelled_and_a_finished_one_cannot(
    session: AsyncSession,
) -> None:
    job = await trace.enqueue(session, "path", "line")
    await session.commit()
    assert (await run_manage("jobs", "cancel", str(job.id))).returncode == 0
    await session.refresh(job)
    assert (job.status, job.error) == (JobStatus.FAILED, "cancelled")
    again = await run_manage("jobs", "cancel", str(job.id))
    assert again.returncode == 1
    assert again.stderr == "The job is failed and can't be cancelled.\n"


async def test_prune_deletes_what_succeeded_long_ago(session: AsyncSession) -> None:
    assert "Deleted: 0." in (await run_manage("jobs", "prune")).stdout
    assert (await run_manage("jobs", "prune", "--days", "-1")).returncode == 2


async def test_sendtestemail_says_where_it_went(tmp_path: Path) -> None:
    process = await run_manage("sendtestemail", "ann@example.com", MAIL_URL=f"file://{tmp_path}")
    assert process.returncode == 0, process.stderr
    assert re.fullmatch(r"Sent as <.+@example.com> through file\.\n", process.stdout)
    assert len(list(tmp_path.glob("*.eml"))) == 1


async def test_sendtestemail_says_what_went_wrong() -> None:
    unreachable = await run_manage(
        "sendtestemail", "ann@example.com", MAIL_URL="smtp://127.0.0.1:1?tls=none"
    )
    assert unreachable.returncode == 1
    assert unreachable.stderr.startswith("not sent: ")
    assert unreachable.stderr.count("\n") == 1
    wrong = await run_manage("sendtestemail", "nobody")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("nobody: ")


async def test_the_shell_awaits_and_knows_the_models(session: AsyncSession) -> None:
    await failed_job(session)
    code = "print(len((await db.exec(select(Job))).all()), User.__name__)"
    assert (await run_manage("shell", "-c", code)).stdout == "1 User\n"
    assert "1 User" in (await run_manage("shell", stdin=f"{code}\n")).stdout


async def test_a_command_of_the_shell_that_fails_says_why_with_exit_code_1() -> None:
    forgotten = "prune_finished_jobs.enqueue(db)"
    process = await run_manage("shell", "-c", f"{forgotten}; raise KeyError('lost')")
    assert process.returncode == 1
    assert "'Task.enqueue' was never awaited" in process.stderr
    assert "KeyError: 'lost'" in process.stderr


async def test_check_deploy_names_what_is_unsafe() -> None:
    unsafe = await run_manage("check", "--deploy")
    assert unsafe.returncode == 1
    assert "ENVIRONMENT: is not production" in unsafe.stderr
    safe = await run_manage(
        "check",
        "--deploy",
        ENVIRONMENT="production",
        BASE_URL="https://app.example.org",
        DATABASE_URL="postgresql://localhost/app",
        TASKS_ENGINE="inprocess",
        MAIL_URL="smtps://mail.example.org",
        MAIL_FROM="post@example.org",
        RATE_LIMITS="on",
    )
    assert (safe.returncode, safe.stdout) == (0, "No problems found.\n"), safe.stderr


async def test_a_production_server_says_that_something_is_unsafe(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = await run_manage(
            "serve", "--port", port, ENVIRONMENT="production", TASKS_ENGINE="inprocess"
        )
    assert process.returncode != 0
    unsafe = json.loads(process.stderr.splitlines()[0])
    assert {"BASE_URL", "MAIL_URL"} <= set(unsafe["of"])


async def test_nothing_serves_on_tables_that_are_behind(tmp_path: Path) -> None:
    for command in ("serve", "worker", "scheduler"):
        process = await run_manage(command, DATABASE_URL=f"sqlite:///{tmp_path}/empty.db")
        assert process.returncode == 1
        assert process.stderr.splitlines()[-1] == (
            "The database is not at the newest migration of app and kit; "
            "run `manage migrate` first."
        )


async def test_migrate_says_that_a_revision_is_unknown() -> None:
    process = await run_manage("migrate", "nonsense")
    assert process.returncode == 1
    assert "migrate: app: Can't locate revision" in process.stderr


async def test_makemigrations_writes_nothing_when_nothing_changed() -> None:
    before = set(ROOT.glob("migrations/versions/*.py"))
    process = await run_manage("makemigrations", "-m", "nothing")
    assert process.returncode == 0, process.stderr
    assert "nothing was written" in process.stdout
    assert set(ROOT.glob("migrations/versions/*.py")) == before


def loud(*arguments: str) -> AbstractContextManager[Running]:
    """Such a `manage`, with what it does in its stderr."""
    return running(manage_code(*arguments), os.environ | {"LOG_LEVEL": "INFO"})


async def test_worker_and_scheduler_run_until_sigterm(
    session: AsyncSession,
) -> None:
    job = await prune_finished_jobs.enqueue(session)
    await session.commit()

    async def succeeded() -> bool:
        async with Session() as session:
            found = await session.get(Job, job.id)
            return found is not None and found.status == JobStatus.SUCCESSFUL

    with loud("worker", "--with-scheduler") as worker, loud("scheduler") as scheduler:
        await until(succeeded)
        for process in (worker, scheduler):
            await until(partial(process.has_written, "scheduler started"))
            process.terminate()
            ended = await process.ended()
            assert ended.returncode == 0
            assert "scheduler stopped" in ended.stderr


async def test_a_worker_has_connections_for_all_the_jobs_it_is_told_to_run_at_once() -> None:
    code = f"""
import atexit

def tell():
    from kit.database import engine
    print(engine.pool.size())

atexit.register(tell)
{manage_code("worker", "--concurrency", "70")}
"""
    with running(code, os.environ | {"LOG_LEVEL": "INFO"}) as worker:
        await until(partial(worker.has_written, "worker started"))
        worker.terminate()
        ended = await worker.ended()
    assert "concurrency=70" in ended.stderr
    assert int(ended.stdout) >= 70


async def test_a_scheduler_of_a_worker_that_dies_is_begun_anew() -> None:
    with loud("worker", "--with-scheduler") as worker:

        def started() -> list[str]:
            return re.findall(r"scheduler started.*pid=(\d+)", worker.stderr)

        await until(lambda: len(started()) == 1)
        os.kill(int(started()[0]), signal.SIGKILL)
        await until(lambda: len(started()) == 2)
        os.kill(int(started()[1]), signal.SIGKILL)
        assert len(set(started())) == 2


async def test_dev_makes_what_is_missing_and_serves(tmp_path: Path, mailbox: Mailbox) -> None:
    """In a fresh clone: no .env, no database."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for name in ("app", "migrations", "pyproject.toml", ".env.example"):
        (tmp_path / name).symlink_to(ROOT / name)
    clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with running(manage_code("dev", "--port", str(port)), clean, folder=tmp_path) as server:

        async def answers() -> bool:
            assert server.alive, server.stderr
            try:
                async with AsyncClient() as client:
                    return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
            except ConnectError:
                return False

        await until(answers)
        server.interrupt()
        assert f"http://127.0.0.1:{port}" in (await server.ended()).stdout
    env = tmp_path / ".env"
    assert env.stat().st_mode & 0o777 == 0o600
    assert re.search(r"^SECRET_KEY=[\w-]{64}$", env.read_text(), re.MULTILINE)
    assert (tmp_path / "var" / "app.db").exists()


async def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await run_manage("dev", "--port", str(taken.getsockname()[1]))
    assert process.returncode == 1
    assert "choose another with --host or --port" in process.stderr


async def test_a_database_that_is_away_is_one_line() -> None:
    away = "postgresql://u:p@127.0.0.1:1/x"
    for command in (["migrate"], ["jobs", "list"], ["worker"]):
        process = await run_manage(*command, DATABASE_URL=away)
        assert process.returncode == 1
        assert "database can't be used" in process.stderr
        assert process.stderr.count("\n") == 1
