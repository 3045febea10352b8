from datetime import timedelta
from uuid import uuid4

import pytest
from kit.database import utcnow
from kit.tasks import Discard, JobStatus
from kit.tasks.schedule import schedules
from kit.tasks.service import cancel_job
from kit.testing import Mailbox
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.admin_tasks import send_failed_jobs_digest, send_failed_jobs_digests
from app.accounts.models import User
from app.accounts.tasks import send_password_changed_email
from inside.admin.conftest import MakeJob, failed
from tests.accounts.fixtures import make_user


async def test_each_administrator_is_told_what_failed(
    session: AsyncSession, admin: User, make_job: MakeJob, mailbox: Mailbox
) -> None:
    other = await make_user(session, email="other@example.com", is_superuser=True)
    await make_user(session, email="ann@example.com")
    await make_job(**failed("OSError: it is 4711"))
    await make_job(**failed())
    await make_job(**failed("Discard: gone"), task="app.shop.tasks.charge")

    await send_failed_jobs_digests()

    assert len(mailbox) == 2
    for who in (admin, other):
        mail = mailbox.to(who).latest
        assert mail.subject == "3 jobs failed at My app"
        assert "2 x app.shop.tasks.send_invoice" in mail.text
        assert "1 x app.shop.tasks.charge\n    Discard" in mail.text
        assert "4711" not in mail.text
        assert mail.link("/admin/jobs?status=failed")


async def test_one_failure_is_called_one_job(
    admin: User, make_job: MakeJob, mailbox: Mailbox
) -> None:
    await make_job(**failed())
    await send_failed_jobs_digests()
    assert mailbox.to(admin).latest.subject == "1 job failed at My app"


async def test_without_failures_nothing_is_sent(
    session: AsyncSession, admin: User, make_job: MakeJob, mailbox: Mailbox
) -> None:
    long_ago = utcnow() - timedelta(hours=25)
    await make_job(**failed() | {"finished_at": long_ago})
    await cancel_job(session, (await make_job()).id)
    await session.commit()
    await send_failed_jobs_digests()
    assert len(mailbox) == 0


async def test_an_account_that_was_deleted_while_an_email_to_it_waited_is_no_news(
    session: AsyncSession, admin: User, mailbox: Mailbox
) -> None:
    job = await send_password_changed_email.enqueue(session, uuid4())
    await session.commit()
    await session.refresh(job)
    assert (job.status, job.error) == (JobStatus.FAILED, "AccountGone: the user is gone")
    await send_failed_jobs_digests()
    assert len(mailbox) == 0


async def test_a_failure_that_was_retried_meanwhile_is_no_news(
    session: AsyncSession, admin: User, make_job: MakeJob, mailbox: Mailbox
) -> None:
    now = utcnow()
    job = await make_job(**failed())
    await session.delete(job)
    await session.commit()
    await send_failed_jobs_digest(admin.id, now - timedelta(days=1), utcnow())
    assert len(mailbox) == 0


async def test_whoever_is_no_administrator_any_more_is_not_told(
    session: AsyncSession, make_job: MakeJob
) -> None:
    ann = await make_user(session)
    now = utcnow()
    await make_job(**failed())
    with pytest.raises(Discard):
        await send_failed_jobs_digest(ann.id, now - timedelta(days=1), utcnow())


def test_it_goes_out_every_day() -> None:
    (schedule,) = [s for s in schedules() if s.task.name == send_failed_jobs_digests.name]
    first = schedule.next_after(utcnow())
    assert schedule.next_after(first) - first == timedelta(days=1)
