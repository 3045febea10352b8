"""The engine of this project, with real processes: `uv run pytest tests/services`."""

from importlib.util import find_spec

import pytest
from httpx2 import AsyncClient
from kit.tasks import Job
from kit.testing import Mail, Manage, SmtpSink, UseEngine, until
from kit.testing.smtp import ACCEPT, SILENCE
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.accounts.fixtures import EMAIL, log_in, register, verify

pytestmark = pytest.mark.service

ENGINES = [name for name in ("celery", "dramatiq", "rq") if find_spec(name)] or ["inprocess"]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, client: AsyncClient, use: UseEngine) -> None:
    """Selected after the client has started the usual one, so that only workers run jobs."""
    inprocess = request.param == "inprocess"
    use(request.param, None if inprocess else request.getfixturevalue("redis").url)


async def test_an_email_survives_the_worker_that_sends_it(
    client: AsyncClient, session: AsyncSession, engine: None, manage: Manage, smtp: SmtpSink
) -> None:
    async def all_jobs_are_finished() -> bool:
        unfinished = select(func.count()).where(col(Job.finished_at).is_(None))
        return (await session.exec(unfinished)).one() == 0

    manage.environment |= {"MAIL_URL": smtp.url, "TASKS_LEASE": "3", "TASKS_REPUBLISH_AFTER": "3"}
    smtp.answer = SILENCE  # the server has the e-mail, but the worker can't know
    worker = manage.worker()
    assert (await register(client)).status_code == 202
    await until(lambda: len(smtp.messages) == 1)
    worker.kill()

    smtp.answer = ACCEPT
    manage.worker("--with-scheduler")
    await until(all_jobs_are_finished)

    copies = smtp.to(EMAIL)
    assert len(copies) > 1
    assert len({mail["Message-ID"] for mail in copies}) == 1, "so that its reader sees one e-mail"
    token = Mail(copies[-1]).link("/verify-email").partition("token=")[2]
    assert (await verify(client, token)).status_code == 200
    assert (await log_in(client)).status_code == 204
