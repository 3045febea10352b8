"""An administrator who is signed in, and jobs that no worker runs."""

from datetime import timedelta
from typing import Any, Protocol

import pytest
from kit.database import utcnow
from kit.mail.models import MailLog, MailOutcome
from kit.tasks import Job, JobStatus
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.accounts.conftest import admin, admin_client, user

__all__ = ["admin", "admin_client", "user"]


class MakeJob(Protocol):
    async def __call__(self, **changes: Any) -> Job: ...


@pytest.fixture
def make_job(session: AsyncSession) -> MakeJob:
    """Writes a job into the table, as if it had been there: due in an hour, unless `changes`."""

    async def make_job(**changes: Any) -> Job:
        job = Job(
            task="app.shop.tasks.send_invoice",
            max_attempts=3,
            run_after=utcnow() + timedelta(hours=1),
        ).sqlmodel_update(changes)
        session.add(job)
        await session.commit()
        return job

    return make_job


class MakeMail(Protocol):
    async def __call__(self, **changes: Any) -> MailLog: ...


@pytest.fixture
def make_mail(session: AsyncSession) -> MakeMail:
    """Writes an entry into the mail log: sent just now, unless `changes` say otherwise."""

    async def make_mail(**changes: Any) -> MailLog:
        entry = MailLog(
            recipient="ann@example.com",
            email="WelcomeEmail",
            message_id="1@example.com",
            outcome=MailOutcome.SENT,
            answer="250 queued",
        ).sqlmodel_update(changes)
        session.add(entry)
        await session.commit()
        return entry

    return make_mail


def failed(error: str = "Traceback (most recent call last):\nZeroDivisionError: no") -> Any:
    """What makes a job one that has failed just now."""
    now = utcnow()
    return {
        "status": JobStatus.FAILED,
        "attempts": 3,
        "error": error,
        "started_at": now - timedelta(seconds=2),
        "finished_at": now,
    }
