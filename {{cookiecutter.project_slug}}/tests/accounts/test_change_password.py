import asyncio

import pytest
from httpx2 import AsyncClient
from kit import ratelimit
from kit.settings import settings
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import tokens
from app.accounts.models import AccountToken, LoginSession, User
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
from tests.mailbox import Mailbox

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


@pytest.mark.parametrize("path", [f"{ME}/password", "/account/password"])
async def test_a_copy_of_this_devices_cookie_is_worth_nothing_afterwards(
    client: AsyncClient, path: str
) -> None:
    copied = dict(client.cookies)
    form = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}

    if path.startswith("/api/"):
        await client.post(path, json=form)
    else:
        await client.post(path, data=form)

    assert (await client.get(ME)).status_code == 200
    client.cookies.clear()
    client.cookies.update(copied)
    assert (await client.get(ME)).status_code == 401


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


async def test_another_site_can_not_do_it(client: AsyncClient) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}

    answer = await client.post(f"{ME}/password", json=body, headers=foreign)

    assert answer.status_code == 403
    assert (await log_in(client)).status_code == 204


async def test_no_session_of_the_old_password_outlives_a_change_at_the_same_moment(
    client: AsyncClient, session: AsyncSession
) -> None:
    async def change() -> None:
        await change_password(client)

    await asyncio.gather(
        *(get_bearer_or_none(client) for _ in range(10)),
        change(),
        *(get_bearer_or_none(client) for _ in range(10)),
    )

    assert len((await session.exec(select(LoginSession))).all()) == 1
    assert (await client.get(ME)).status_code == 200


async def get_bearer_or_none(client: AsyncClient) -> None:
    form = {"username": EMAIL, "password": PASSWORD}
    await client.post("/api/v1/auth/token", data=form)


async def test_of_two_changes_at_the_same_moment_one_wins(client: AsyncClient) -> None:
    passwords = [f"{NEW_PASSWORD} {n}" for n in range(5)]

    answers = await asyncio.gather(*(change_password(client, new=each) for each in passwords))

    codes = [answer.status_code for answer in answers]
    assert codes.count(200) == 1
    assert set(codes) <= {200, 401, 403}  # 401 for one that came later, with the old cookie
    won = passwords[codes.index(200)]
    assert (await log_in(client, password=won)).status_code == 204


async def test_guessing_with_a_stolen_session_is_slowed_down_and_locks_no_one_out(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "rate_limits", True)
    ratelimit.forget()

    codes = [(await change_password(client, f"guess {n:02}")).status_code for n in range(11)]

    assert codes == [403] * 10 + [429]
    assert (await log_in(client)).status_code == 204
    ratelimit.forget()
