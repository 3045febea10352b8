"""What every engine with a broker guarantees."""

from collections.abc import Callable
from pathlib import Path

import pytest
from httpx2 import AsyncClient
from kit.database import Session
from kit.tasks import Job, JobStatus, engines
from kit.tasks.announcements import JobRef
from kit.testing import Manage, RabbitMQ, Redis, until
from kit.testing.smtp import SmtpSink
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.services.jobs import hanging_at_first
from inside.tasks import jobs


class Delivery:
    """Its messages. Subclasses name the engine, and give the fixture `broker`."""

    engine: str

    @pytest.fixture(autouse=True)
    def settings_of_all(
        self, broker: Redis | RabbitMQ, use: Callable[[str, str], None], manage: Manage
    ) -> None:
        manage.environment |= {"TASKS_LEASE": "1", "TASKS_REPUBLISH_AFTER": "1"}
        use(self.engine, broker.url)

    async def test_a_committed_job_runs_once(
        self, session: AsyncSession, manage: Manage, tmp_path: Path
    ) -> None:
        manage.worker()
        job = await jobs.trace.enqueue(session, str(tmp_path / "log"), "done")
        await session.commit()
        assert (await finished(job)).status == JobStatus.SUCCESSFUL
        assert jobs.lines(tmp_path / "log") == ["done"]

    async def test_a_second_message_of_a_job_changes_nothing(
        self, session: AsyncSession, manage: Manage, tmp_path: Path
    ) -> None:
        job = await jobs.trace.enqueue(session, str(tmp_path / "log"), "done")
        later = await jobs.trace.enqueue(session, str(tmp_path / "log"), "later")
        await session.commit()
        ref = JobRef(job.id, job.task, job.queue, 0, job.run_after)
        engines.current().committed([ref, ref, ref])
        manage.worker("--concurrency", "4")
        await finished(job)
        await finished(later)
        engines.current().committed([ref])
        last = await jobs.trace.enqueue(session, str(tmp_path / "log"), "last")
        await session.commit()
        await finished(last)
        assert sorted(jobs.lines(tmp_path / "log")) == ["done", "last", "later"]

    async def test_what_was_committed_while_the_broker_was_dead_runs_when_it_is_back(
        self, session: AsyncSession, manage: Manage, broker: Redis | RabbitMQ, tmp_path: Path
    ) -> None:
        broker.kill()
        job = await jobs.trace.enqueue(session, str(tmp_path / "log"), "done")
        await session.commit()
        broker.start()
        manage.worker("--with-scheduler")
        await finished(job)
        assert jobs.lines(tmp_path / "log") == ["done"]

    async def test_what_the_broker_has_forgotten_runs_nevertheless(
        self, session: AsyncSession, manage: Manage, broker: Redis | RabbitMQ, tmp_path: Path
    ) -> None:
        job = await jobs.trace.enqueue(session, str(tmp_path / "log"), "done")
        await session.commit()
        broker.flush()
        manage.worker("--with-scheduler")
        await finished(job)
        assert jobs.lines(tmp_path / "log") == ["done"]

    async def test_a_worker_outlives_its_broker(
        self, session: AsyncSession, manage: Manage, broker: Redis | RabbitMQ, tmp_path: Path
    ) -> None:
        manage.worker("--with-scheduler")
        first = await jobs.trace.enqueue(session, str(tmp_path / "log"), "before")
        await session.commit()
        await finished(first)
        broker.restart()
        second = await jobs.trace.enqueue(session, str(tmp_path / "log"), "after")
        await session.commit()
        await finished(second)
        assert jobs.lines(tmp_path / "log") == ["before", "after"]

    async def test_a_restarted_broker_answers_again(self, broker: Redis | RabbitMQ) -> None:
        engines.current().ping()
        broker.restart()
        engines.current().ping()


class BrokeredEngine(Delivery):
    """All of it."""

    async def test_a_job_for_a_queue_that_no_task_names_runs_too(
        self, session: AsyncSession, manage: Manage, tmp_path: Path
    ) -> None:
        manage.worker()
        job = await jobs.trace.using(queue="another").enqueue(
            session, str(tmp_path / "log"), "done"
        )
        await session.commit()
        assert (await finished(job)).status == JobStatus.SUCCESSFUL

    async def test_two_workers_share_the_jobs_and_run_none_twice(
        self, session: AsyncSession, manage: Manage, tmp_path: Path
    ) -> None:
        manage.worker()
        manage.worker()
        lines = [str(number) for number in range(40)]
        made = [await jobs.trace.enqueue(session, str(tmp_path / "log"), line) for line in lines]
        await session.commit()
        for job in made:
            await finished(job)
        assert sorted(jobs.lines(tmp_path / "log"), key=int) == lines

    async def test_the_job_of_a_killed_worker_runs_on_another(
        self, session: AsyncSession, manage: Manage, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        worker = manage.worker()
        job = await hanging_at_first.enqueue(session, str(log))
        await session.commit()
        await until(lambda: jobs.lines(log) == ["attempt 1"])
        worker.kill()
        manage.worker("--with-scheduler")
        assert (await finished(job)).status == JobStatus.SUCCESSFUL
        assert jobs.lines(log) == ["attempt 1", "attempt 2"]

    async def test_a_job_that_kills_its_workers_has_failed_in_the_end(
        self, session: AsyncSession, manage: Manage, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        job = await jobs.poison.enqueue(session, str(log))
        await session.commit()
        for _ in range(jobs.poison.max_attempts):
            manage.worker("--with-scheduler").wait()
        manage.scheduler()
        assert (await finished(job)).status == JobStatus.FAILED
        assert jobs.lines(log) == ["swallowed"] * jobs.poison.max_attempts

    async def test_sigterm_lets_a_running_job_finish(
        self, session: AsyncSession, manage: Manage, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        worker = manage.worker()
        job = await jobs.slow.enqueue(session, str(log), 1)
        await session.commit()
        await until(lambda: jobs.lines(log) == ["begun"])
        assert worker.stop() == 0, worker.output
        assert (await read(job)).status == JobStatus.SUCCESSFUL
        assert jobs.lines(log) == ["begun", "finished"]

    async def test_what_is_not_finished_in_time_is_handed_back(
        self, session: AsyncSession, manage: Manage, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        worker = manage.worker(SHUTDOWN_TIMEOUT="0.2")
        job = await jobs.slow.enqueue(session, str(log), 60)
        await session.commit()
        await until(lambda: jobs.lines(log) == ["begun"])
        assert worker.stop() == 0, worker.output
        assert (await read(job)).status == JobStatus.READY
        assert (await read(job)).attempts == 0

    async def test_a_registration_is_mailed(self, manage: Manage, smtp: SmtpSink) -> None:
        _, url = manage.serve()
        manage.worker(MAIL_URL=smtp.url, BASE_URL=url)
        account = {"email": "ada@example.com", "password": "correct horse battery staple"}
        async with AsyncClient(base_url=url) as client:
            answer = await client.post("/api/v1/auth/register", json=account)
        assert answer.status_code == 202, answer.text
        await until(lambda: len(smtp.to("ada@example.com")) == 1)


async def read(job: Job) -> Job:
    """The row as it is now."""
    async with Session() as session:
        return await session.get_one(Job, job.id)


async def finished(job: Job) -> Job:
    """The row, once the job has succeeded or failed."""

    async def is_finished() -> bool:
        return (await read(job)).finished_at is not None

    await until(is_finished, seconds=40)
    return await read(job)
