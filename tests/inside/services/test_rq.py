"""RQ keeps what an engine has to keep, and leaves nothing behind in Redis."""

import sys

import pytest
from kit.tasks import JobStatus
from kit.tasks.tasks import prune_finished_jobs
from kit.testing import Manage, Redis
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.services.contract import BrokeredEngine, finished

pytestmark = pytest.mark.service


class TestRq(BrokeredEngine):
    engine = "rq"

    @pytest.fixture
    def broker(self, redis: Redis) -> Redis:
        return redis

    @pytest.mark.parametrize(
        "options",
        [["--worker-class", "kit.tasks.adapters.rq.Worker"], ["--serializer", "json"]],
        ids=["our worker", "RQ's worker"],
    )
    async def test_rqs_own_command_runs_the_jobs_and_leaves_none_in_redis(
        self, session: AsyncSession, manage: Manage, redis: Redis, options: list[str]
    ) -> None:
        command = [sys.executable, "-m", "rq.cli", "worker", "--url", redis.url, *options]
        worker = manage.run(*command, "default", "mail")
        job = await prune_finished_jobs.enqueue(session)
        await session.commit()
        assert (await finished(job)).status == JobStatus.SUCCESSFUL
        assert worker.stop() == 0, worker.output
        assert redis.ask(b"KEYS rq:job:*\r\n") == b"*0\r\n"
