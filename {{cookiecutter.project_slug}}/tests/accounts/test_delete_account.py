from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
import time_machine
from httpx2 import AsyncClient
from kit.settings import settings
from kit.tasks import Job
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import tokens
from app.accounts.models import AccountToken, LoginSession, User
from app.accounts.tokens import Purpose
from tests.accounts.fixtures import delete_account, get_bearer, log_in, make_user, register

ME = "/api/v1/users/me"


@pytest.fixture(autouse=True)
async def signed_in(client: AsyncClient, user: User) -> None:
    await log_in(client)


async def test_the_account_is_gone_with_all_that_belongs_to_it(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    await get_bearer(client)
    for purpose in Purpose:
        await tokens.issue(session, user, purpose)
    await session.commit()

    assert (await delete_account(client)).status_code == 204

    for table in (User, AccountToken, LoginSession):
        assert (await session.exec(select(table))).all() == []
    assert (await log_in(client)).status_code == 401


async def test_every_device_is_signed_out(client: AsyncClient) -> None:
    bearer = await get_bearer(client)
    cookies = dict(client.cookies)

    await delete_account(client)

    assert not client.cookies
    assert (await client.get(ME, headers=bearer)).status_code == 401
    client.cookies.update(cookies)
    assert (await client.get(ME)).status_code == 401


async def test_the_farewell_arrives_though_nobody_is_there_any_more(
    client: AsyncClient, user: User, mailbox: Mailbox
) -> None:
    await delete_account(client)

    [mail] = mailbox.to(user)
    assert mail.subject == "Your account was deleted"


async def test_the_farewell_is_sent_later_if_the_mail_server_is_away(
    client: AsyncClient,
    session: AsyncSession,
    user: User,
    mailbox: Mailbox,
    run_jobs: Callable[[], Awaitable[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(settings, "mail_url", "smtp://127.0.0.1:1")
        assert (await delete_account(client)).status_code == 204

    [job] = (await session.exec(select(Job))).all()
    assert job.status == "ready"
    assert job.arguments == {"email": user.email}
    with time_machine.travel(job.run_after + timedelta(seconds=1)):
        assert await run_jobs() == 1
    assert mailbox.to(user).latest.subject == "Your account was deleted"


async def test_the_address_is_free_again(client: AsyncClient, mailbox: Mailbox) -> None:
    await delete_account(client)
    await register(client)

    assert mailbox.latest.subject.startswith("Welcome")


async def test_nobody_else_is_deleted(client: AsyncClient, session: AsyncSession) -> None:
    await make_user(session, email="grace@example.com")
    grace = await get_bearer(client, "grace@example.com")

    await delete_account(client)

    assert (await client.get(ME, headers=grace)).status_code == 200


async def test_a_wrong_password_is_refused_next_to_its_field(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    answer = await delete_account(client, "mallory was here today")

    assert answer.status_code == 403
    assert [error["field"] for error in answer.json()["errors"]] == ["current_password"]
    assert len(mailbox) == 0
    assert (await client.get(ME)).status_code == 200


async def test_without_a_password_nothing_is_deleted(client: AsyncClient) -> None:
    assert (await client.delete(ME)).status_code == 422
    assert (await client.get(ME)).status_code == 200


async def test_nobody_can_do_it_without_a_session(client: AsyncClient) -> None:
    client.cookies.clear()

    assert (await delete_account(client)).status_code == 401
