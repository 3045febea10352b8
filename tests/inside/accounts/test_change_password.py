import asyncio

import pytest
from httpx2 import AsyncClient
from kit import ratelimit
from kit.settings import settings
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import LoginSession, User
from tests.accounts.fixtures import EMAIL, NEW_PASSWORD, PASSWORD, change_password, log_in

ME = "/api/v1/users/me"


@pytest.fixture(autouse=True)
async def signed_in(client: AsyncClient, user: User) -> None:
    await log_in(client)


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
