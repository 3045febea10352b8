import asyncio
from collections.abc import Iterator

import pytest
from httpx2 import AsyncClient
from kit.database import Session
from kit.testing import Mailbox
from sqlalchemy import delete
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import tokens
from app.accounts.dependencies import OptionalLoginDep, get_current_user, get_optional_user
from app.accounts.models import User
from app.accounts.tasks import send_password_changed_email
from app.accounts.tokens import Purpose
from app.main import app
from tests.accounts.fixtures import change_email, confirm_email, delete_account, log_in

ME = "/api/v1/users/me"


@pytest.fixture(autouse=True)
async def signed_in(client: AsyncClient, user: User) -> None:
    await log_in(client)


async def test_another_site_can_not_do_it(client: AsyncClient) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}

    answer = await client.request("DELETE", ME, json={}, headers=foreign)

    assert answer.status_code == 403
    assert (await client.get(ME)).status_code == 200


async def test_of_many_at_once_one_deletes_and_one_farewell_is_sent(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    answers = await asyncio.gather(*(delete_account(client) for _ in range(10)))

    codes = [answer.status_code for answer in answers]
    assert codes.count(204) == 1
    assert set(codes) <= {204, 401, 403}
    assert len(mailbox) == 1


async def test_a_deletion_and_a_change_of_address_at_the_same_moment_harm_nobody(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    await change_email(client)
    token = await tokens.issue(session, user, Purpose.CHANGE_EMAIL, sent_to="ada@new.example.com")
    await session.commit()

    answers = await asyncio.gather(delete_account(client), confirm_email(client, token))

    assert answers[0].status_code == 204
    assert answers[1].status_code in (200, 400)
    assert (await session.exec(select(User))).all() == []


async def test_a_job_that_waits_for_the_deleted_writes_to_nobody(
    client: AsyncClient, session: AsyncSession, user: User, mailbox: Mailbox
) -> None:
    await delete_account(client)
    mailbox.clear()

    await send_password_changed_email.enqueue(session, user.id)
    await session.commit()

    assert len(mailbox) == 0


@pytest.fixture
def deleted_meanwhile(user: User) -> Iterator[None]:
    """Another request deletes the account after this one has looked it up."""

    async def look_up(current: OptionalLoginDep) -> User | None:
        async with Session() as other:
            await other.exec(delete(User))
            await other.commit()
        return current.user if current else None

    app.dependency_overrides = {get_current_user: look_up, get_optional_user: look_up}
    yield
    app.dependency_overrides = {}


async def test_a_change_of_what_was_deleted_meanwhile_finds_nothing(
    client: AsyncClient, deleted_meanwhile: None
) -> None:
    answer = await client.patch(ME, json={"full_name": "Ada King"})

    assert answer.status_code == 404
    assert answer.json()["detail"] == "It was deleted just now."


async def test_so_does_a_form(client: AsyncClient, deleted_meanwhile: None) -> None:
    assert (await client.post("/account", data={"full_name": "Ada King"})).status_code == 404
