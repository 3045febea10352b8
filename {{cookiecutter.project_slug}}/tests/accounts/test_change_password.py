import pytest
from httpx2 import AsyncClient
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import tokens
from app.accounts.models import AccountToken, User
from app.accounts.tokens import Purpose
from tests.accounts.fixtures import (
    EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    change_email,
    change_password,
    confirm_email,
    forget_password,
    get_bearer,
    log_in,
    mailed_token,
    make_user,
    reset_password,
)

ME = "/api/v1/users/me"


@pytest.fixture(autouse=True)
async def signed_in(client: AsyncClient, user: User) -> None:
    await log_in(client)


async def test_the_new_password_works_and_the_old_one_does_not(client: AsyncClient) -> None:
    assert (await change_password(client)).status_code == 200

    assert (await log_in(client, password=PASSWORD)).status_code == 401
    assert (await log_in(client, password=NEW_PASSWORD)).status_code == 204


async def test_this_device_stays_signed_in_and_the_others_do_not(client: AsyncClient) -> None:
    other = await get_bearer(client)

    await change_password(client)

    assert (await client.get(ME)).status_code == 200
    assert (await client.get(ME, headers=other)).status_code == 401


async def test_a_program_keeps_its_own_session_too(client: AsyncClient) -> None:
    bearer = await get_bearer(client)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}

    await client.post(f"{ME}/password", json=body, headers=bearer)

    assert (await client.get(ME, headers=bearer)).status_code == 200
    assert (await client.get(ME)).status_code == 401


async def test_nobody_elses_sessions_end(client: AsyncClient, session: AsyncSession) -> None:
    await make_user(session, email="grace@example.com")
    grace = await get_bearer(client, "grace@example.com")

    await change_password(client)

    assert (await client.get(ME, headers=grace)).status_code == 200


async def test_the_owner_is_told_by_e_mail(
    client: AsyncClient, user: User, mailbox: Mailbox
) -> None:
    await change_password(client)

    [mail] = mailbox.to(user)
    assert mail.subject == "Your password was changed"
    assert mail.link("/forgot-password")
    assert PASSWORD not in mail.text
    assert NEW_PASSWORD not in mail.text


async def test_the_owner_is_told_of_a_reset_as_well(
    client: AsyncClient, user: User, mailbox: Mailbox
) -> None:
    await forget_password(client)
    await reset_password(client, mailed_token(mailbox, page="/reset-password"))

    assert mailbox.to(user).latest.subject == "Your password was changed"


async def test_a_wrong_password_is_refused_next_to_its_field(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    answer = await change_password(client, current="mallory was here today")

    assert answer.status_code == 403
    assert [error["field"] for error in answer.json()["errors"]] == ["current_password"]
    assert len(mailbox) == 0
    assert (await log_in(client)).status_code == 204


@pytest.mark.parametrize("weak", ["Password2026!", "ada lovelace 1815", EMAIL])
async def test_a_weak_password_is_refused_next_to_its_field(client: AsyncClient, weak: str) -> None:
    answer = await change_password(client, new=weak)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["new_password"]
    assert (await log_in(client)).status_code == 204


async def test_every_link_ends_that_was_mailed_before(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    for purpose in Purpose:
        await tokens.issue(session, user, purpose)
    await session.commit()

    await change_password(client)

    assert (await session.exec(select(AccountToken))).all() == []


async def test_a_change_of_address_that_is_under_way_is_called_off(
    client: AsyncClient, session: AsyncSession, user: User, mailbox: Mailbox
) -> None:
    await change_email(client, "mallory@example.com")
    link = mailed_token(mailbox, "mallory@example.com", "/confirm-email")

    await change_password(client)

    assert (await confirm_email(client, link)).status_code == 400
    await session.refresh(user)
    assert (user.email, user.pending_email) == (EMAIL, None)


async def test_nobody_can_do_it_without_a_session(client: AsyncClient) -> None:
    client.cookies.clear()

    assert (await change_password(client)).status_code == 401
