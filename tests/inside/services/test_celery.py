"""Celery keeps what an engine has to keep: over both brokers, in every pool."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from httpx2 import AsyncClient
from kit.database import Session
from kit.tasks import Job, JobStatus
from kit.testing import Command, Manage, RabbitMQ, Redis, until
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.services.contract import BrokeredEngine, Delivery, finished, read
from inside.services.jobs import hanging_at_first
from inside.tasks import jobs

pytestmark = pytest.mark.service

CELERY = [sys.executable, "-m", "celery", "-A", "inside.services.celery_app"]


def forget_the_app() -> None:
    """Celery's settings are read when its app is imported; the next test has another broker."""
    for name in ("celery", "celeryconfig"):
        sys.modules.pop(f"kit.tasks.adapters.{name}", None)


class TestCeleryOverRedis(BrokeredEngine):
    engine = "celery"

    @pytest.fixture
    def broker(self, redis: Redis) -> Redis:
        forget_the_app()
        return redis

    async def test_what_vanishes_in_a_black_hole_runs_when_it_ends(
        self, session: AsyncSession, manage: Manage, broker: Redis, tmp_path: Path
    ) -> None:
        with broker.black_hole():
            job = await jobs.trace.enqueue(session, str(tmp_path / "log"), "done")
            await session.commit()
        manage.worker("--with-scheduler")
        await finished(job)
        assert jobs.lines(tmp_path / "log") == ["done"]

    async def test_a_worker_with_running_jobs_outlives_its_broker(
        self, session: AsyncSession, manage: Manage, broker: Redis, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        worker = manage.worker("--concurrency", "2")
        running = await jobs.slow.enqueue(session, str(log), 1)
        await session.commit()
        await until(lambda: jobs.lines(log) == ["begun"])
        broker.kill()
        worker.until_it_says("Connection to broker lost")
        await finished(running)
        broker.start()
        after = await jobs.trace.enqueue(session, str(log), "after")
        await session.commit()
        await finished(after)
        assert jobs.lines(log) == ["begun", "finished", "after"]

    async def test_messages_that_wait_in_a_worker_outlive_their_broker(
        self, session: AsyncSession, manage: Manage, broker: Redis, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        manage.worker("--concurrency", "1", "--with-scheduler")
        made = [await jobs.slow.enqueue(session, str(log), 1) for _ in range(4)]
        await session.commit()
        await until(lambda: jobs.lines(log)[:1] == ["begun"])
        broker.kill()
        await finished(made[0])
        broker.start()
        for job in made:
            assert (await finished(job)).status == JobStatus.SUCCESSFUL

    async def test_messages_that_wait_in_a_killed_worker_are_told_again(
        self, session: AsyncSession, manage: Manage, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        # Its own sweep must not announce `first` again: that message would wait here in the place
        # of the one that this is about.
        once = {"TASKS_REPUBLISH_AFTER": "600"}
        worker = manage.worker("--concurrency", "1", LOG_LEVEL="INFO", **once)
        first = await hanging_at_first.enqueue(session, str(log))
        await session.commit()
        await until(lambda: jobs.lines(log) == ["attempt 1"])
        waiting = await jobs.trace.enqueue(session, str(log), "waited")
        await session.commit()
        worker.until_it_says(f"{waiting.id}] received")
        worker.kill()
        manage.worker("--with-scheduler")
        for job in (first, waiting):
            assert (await finished(job)).status == JobStatus.SUCCESSFUL
        assert sorted(jobs.lines(log)) == ["attempt 1", "attempt 2", "waited"]


class TestCeleryOverRabbitMQ(Delivery):
    engine = "celery"

    @pytest.fixture
    def broker(self, rabbitmq: RabbitMQ) -> RabbitMQ:
        forget_the_app()
        return rabbitmq


@pytest.fixture
def over_redis(redis: Redis, use: Callable[[str, str], None], manage: Manage) -> None:
    forget_the_app()
    manage.environment |= {"TASKS_LEASE": "1", "TASKS_REPUBLISH_AFTER": "1", "LOG_LEVEL": "INFO"}
    use("celery", redis.url)


@pytest.fixture
def celery(over_redis: None, manage: Manage) -> Callable[..., Command]:
    """Celery's own command, with a project's app."""

    def celery(*arguments: str, **environment: str) -> Command:
        return manage.run(*CELERY, *arguments, **environment)

    return celery


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
async def test_each_pool_runs_jobs_one_after_another_on_one_loop(
    pool: str, celery: Callable[..., Command], session: AsyncSession, tmp_path: Path
) -> None:
    worker = celery("worker", "--pool", pool, "--concurrency", "1")
    made = [await jobs.trace.enqueue(session, str(tmp_path / "log"), str(n)) for n in range(3)]
    await session.commit()
    for job in made:
        assert (await finished(job)).status == JobStatus.SUCCESSFUL
    assert jobs.lines(tmp_path / "log") == ["0", "1", "2"]
    assert worker.stop() == 0


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
async def test_sigterm_hands_back_what_no_pool_would_finish_in_time(
    pool: str, celery: Callable[..., Command], session: AsyncSession, tmp_path: Path
) -> None:
    worker = celery("worker", "--pool", pool, "--concurrency", "1", SHUTDOWN_TIMEOUT="0.2")
    job = await jobs.slow.enqueue(session, str(tmp_path / "log"), 60)
    await session.commit()
    await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
    assert worker.stop() == 0, worker.output
    assert ((row := await read(job)).status, row.attempts) == (JobStatus.READY, 0)


async def test_sigterm_to_a_whole_group_of_processes_loses_no_attempt(
    celery: Callable[..., Command], session: AsyncSession, tmp_path: Path
) -> None:
    """As `timeout`, honcho and systemd's KillMode=control-group send it."""
    worker = celery("worker", "--pool", "prefork", "--concurrency", "1", SHUTDOWN_TIMEOUT="0.2")
    job = await jobs.slow.enqueue(session, str(tmp_path / "log"), 60)
    await session.commit()
    await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
    os.killpg(worker.pid, signal.SIGTERM)
    assert worker.wait() == 0, worker.output
    assert ((row := await read(job)).status, row.attempts) == (JobStatus.READY, 0)


async def test_the_job_of_a_killed_child_runs_again_in_another(
    celery: Callable[..., Command], session: AsyncSession, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    worker = celery("worker", "--pool", "prefork", "--concurrency", "1")
    job = await hanging_at_first.enqueue(session, str(log))
    await session.commit()
    await until(lambda: jobs.lines(log) == ["attempt 1"])
    for child in psutil.Process(worker.pid).children():
        child.kill()
    assert (await finished(job)).status == JobStatus.SUCCESSFUL
    assert jobs.lines(log) == ["attempt 1", "attempt 2"]


async def test_a_child_that_is_told_to_end_hands_its_job_to_the_next(
    celery: Callable[..., Command], session: AsyncSession, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    options = ["--pool", "prefork", "--concurrency", "1"]
    worker = celery("worker", *options, SHUTDOWN_TIMEOUT="0.2")
    job = await jobs.slow.enqueue(session, str(log), 60)
    await session.commit()
    await until(lambda: jobs.lines(log) == ["begun"])
    [child] = psutil.Process(worker.pid).children()
    child.terminate()
    await until(lambda: jobs.lines(log) == ["begun", "begun"])
    assert (await read(job)).attempts == 1


async def test_a_child_whose_loop_has_ended_gives_way_to_another(
    celery: Callable[..., Command], session: AsyncSession, tmp_path: Path
) -> None:
    from inside.services.celery_app import ending_the_loop

    celery("worker", "--pool", "prefork", "--concurrency", "1")
    await ending_the_loop.enqueue(session)
    await session.commit()
    after = await jobs.trace.enqueue(session, str(tmp_path / "log"), "after")
    await session.commit()
    assert (await finished(after)).status == JobStatus.SUCCESSFUL


@pytest.mark.parametrize("after_a_job", [False, True])
async def test_sigterm_lets_tasks_of_ones_own_finish(
    after_a_job: bool, celery: Callable[..., Command], session: AsyncSession, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    worker = celery("worker", "--pool", "prefork", "--concurrency", "1")
    if after_a_job:
        job = await jobs.trace.enqueue(session, str(tmp_path / "another"), "done")
        await session.commit()
        await finished(job)
    call = celery("call", "inside.services.celery_app.plain_and_slow", "--args", f'["{log}"]')
    assert call.wait() == 0, call.output
    await until(lambda: jobs.lines(log) == ["begun"])
    assert worker.stop() == 0, worker.output
    assert jobs.lines(log) == ["begun", "finished"]


async def test_the_last_job_of_a_short_script_is_published(
    over_redis: None, manage: Manage, session: AsyncSession, tmp_path: Path
) -> None:
    script = f"""
import asyncio
from kit.database import Session
from inside.tasks import jobs

async def main():
    async with Session() as session:
        await jobs.trace.enqueue(session, {str(tmp_path / "log")!r}, "done")
        await session.commit()

asyncio.run(main())
"""
    assert manage.run(sys.executable, "-c", script).wait() == 0
    manage.worker(TASKS_REPUBLISH_AFTER="600")  # its sweep would tell of the job otherwise
    await finished((await session.exec(select(Job))).one())
    assert jobs.lines(tmp_path / "log") == ["done"]


async def test_a_web_server_killed_between_commit_and_message_loses_nothing(
    over_redis: None, manage: Manage, session: AsyncSession, tmp_path: Path
) -> None:
    script = f"""
import asyncio, os, signal
from kit.database import Session
from kit.tasks.broker.publisher import Publisher
from inside.tasks import jobs

Publisher.submit = lambda self, jobs: os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with Session() as session:
        await jobs.trace.enqueue(session, {str(tmp_path / "log")!r}, "done")
        await session.commit()

asyncio.run(main())
"""
    assert manage.run(sys.executable, "-c", script).wait() == -signal.SIGKILL
    manage.worker()
    job = (await session.exec(select(Job))).one()
    assert (await finished(job)).status == JobStatus.SUCCESSFUL


async def test_a_job_whose_task_is_gone_fails_and_says_so(
    over_redis: None, manage: Manage, session: AsyncSession
) -> None:
    manage.worker()
    session.add(job := Job(task="gone", max_attempts=8))
    await session.commit()
    row = await finished(job)
    assert (row.status, row.error) == (JobStatus.FAILED, "UnknownTask: no task is named 'gone'")


@pytest.mark.parametrize("of_ones_own", [False, True])
async def test_redis_keeps_copies_of_messages_only_beside_tasks_of_ones_own(
    of_ones_own: bool,
    celery: Callable[..., Command],
    manage: Manage,
    redis: Redis,
    session: AsyncSession,
    tmp_path: Path,
) -> None:
    one = ("--concurrency", "1")
    worker = celery("worker", "--pool", "threads", *one) if of_ones_own else manage.worker(*one)
    made = [await jobs.slow.enqueue(session, str(tmp_path / "log"), 60) for _ in range(2)]
    await session.commit()
    await until(lambda: jobs.lines(tmp_path / "log") == ["begun"])
    for job in made:
        worker.until_it_says(f"{job.id}] received")
    assert redis.ask(b"EXISTS unacked\r\n") == (b":1\r\n" if of_ones_own else b":0\r\n")


async def test_tasks_of_ones_own_and_celerys_commands_work_beside_the_jobs(
    celery: Callable[..., Command], tmp_path: Path
) -> None:
    worker = celery("worker")
    worker.until_it_says("ready.")
    registered = celery("inspect", "registered")
    assert registered.wait() == 0, registered.output
    assert "app.accounts.tasks.send_welcome_email" in registered.output
    assert "inside.services.celery_app.plain" in registered.output
    queues = celery("inspect", "active_queues")
    assert queues.wait() == 0
    assert "'name': 'mail'" in queues.output
    call = celery("call", "inside.services.celery_app.plain", "--args", f'["{tmp_path / "log"}"]')
    assert call.wait() == 0, call.output
    await until(lambda: jobs.lines(tmp_path / "log") == ["plain"])


async def test_beat_and_a_scheduler_together_run_each_tick_once(
    celery: Callable[..., Command], manage: Manage, tmp_path: Path
) -> None:
    async def ticks() -> list[str]:
        async with Session() as session:
            statement = select(Job.key).where(col(Job.key).contains("tick")).order_by(col(Job.key))
            return [key or "" for key in await session.exec(statement)]

    async def ticked(times: int) -> bool:
        return len(await ticks()) >= times

    beat = celery("beat")
    scheduler = manage.run(sys.executable, "-m", "inside.services.celery_app")
    for process in (beat, scheduler):
        process.until_it_says("scheduler started")
    await until(lambda: ticked(3))
    scheduler.kill()
    await until(lambda: ticked(5))
    assert only_the_main_thread_is_given_sigterm(beat.pid)
    assert beat.stop() == 0, beat.output
    assert len(set(await ticks())) == len(await ticks())


def only_the_main_thread_is_given_sigterm(pid: int) -> bool:
    """Whether the others block it; where /proc is, so on Linux."""

    def blocks(thread: Path) -> bool:
        try:
            lines = (thread / "status").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            return True
        [mask] = [line.split()[1] for line in lines if line.startswith("SigBlk:")]
        return bool(int(mask, 16) & 1 << (signal.SIGTERM - 1))

    threads = Path(f"/proc/{pid}/task").glob("*")
    return all(blocks(thread) for thread in threads if thread.name != str(pid))


async def test_readiness_tells_of_a_broker_that_is_away_and_needs_none(
    over_redis: None, client: AsyncClient, redis: Redis
) -> None:
    async def broker() -> tuple[int, str]:
        response = await client.get("/readyz")
        return response.status_code, response.json()["checks"]["broker"]

    assert await broker() == (200, "ok")
    redis.kill()
    assert await broker() == (200, "failed")
    redis.start()
    with redis.black_hole():
        assert await broker() == (200, "failed")


def test_celery_is_imported_only_where_it_is_the_engine() -> None:
    script = "import sys, app.main, kit.tasks.schedule; print('celery' in sys.modules)"
    environment = {**os.environ, "TASKS_ENGINE": "inprocess"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


async def test_logs_of_celery_are_json_in_production(celery: Callable[..., Command]) -> None:
    worker = celery("--quiet", "worker", ENVIRONMENT="production", BASE_URL="https://example.com")
    worker.until_it_says('ready.", "')
    assert '"logger": "celery.apps.worker"' in worker.output
