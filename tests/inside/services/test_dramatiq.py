"""Dramatiq keeps what an engine has to keep, over both of its brokers."""

import sys

import pytest
from kit.tasks import JobStatus
from kit.tasks.tasks import prune_finished_jobs
from kit.testing import Manage, RabbitMQ, Redis
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.services.contract import BrokeredEngine, Delivery, finished

pytestmark = pytest.mark.service


class TestDramatiqOnRedis(BrokeredEngine):
    engine = "dramatiq"

    @pytest.fixture
    def broker(self, redis: Redis) -> Redis:
        return redis

    async def test_dramatiqs_own_command_runs_the_jobs(
        self, session: AsyncSession, manage: Manage
    ) -> None:
        options = ["--processes", "1", "--threads", "2"]
        module = "kit.tasks.adapters.dramatiq"
        worker = manage.run(sys.executable, "-m", "dramatiq", module, *options)
        job = await prune_finished_jobs.enqueue(session)
        await session.commit()
        assert (await finished(job)).status == JobStatus.SUCCESSFUL
        assert worker.stop() == 0, worker.output


class TestDramatiqOnRabbitMQ(Delivery):
    engine = "dramatiq"

    @pytest.fixture
    def broker(self, rabbitmq: RabbitMQ) -> RabbitMQ:
        return rabbitmq
