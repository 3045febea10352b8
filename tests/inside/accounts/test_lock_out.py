"""Guesses of strangers lock no owner out for good."""

from collections.abc import Iterator

import pytest
from httpx2 import AsyncClient
from kit import ratelimit
from kit.settings import settings
from kit.testing import Mailbox

from app.accounts import limits
from app.accounts.models import User
from tests.accounts.fixtures import (
    EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    change_password,
    forget_password,
    get_bearer,
    log_in,
    mailed_token,
    reset_password,
)


@pytest.fixture(autouse=True)
def rate_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(settings, "rate_limits", True)
    ratelimit.forget()
    yield
    ratelimit.forget()


async def use_up(email: str = EMAIL) -> None:
    """What a hundred wrong guesses from ten networks do."""
    while await ratelimit.allows(limits.SIGN_INS_TO_ONE_ACCOUNT, email):
        pass


async def test_a_device_that_has_signed_in_before_is_let_in(
    client: AsyncClient, user: User
) -> None:
    await log_in(client)
    await client.post("/api/v1/auth/logout")
    await use_up()

    assert (await log_in(client)).status_code == 204
    client.cookies.clear()
    assert (await log_in(client)).status_code == 429


async def test_the_cookie_of_one_account_does_not_help_with_another(
    client: AsyncClient, user: User
) -> None:
    await log_in(client)
    await use_up("grace@example.com")
    assert (await log_in(client, "grace@example.com")).status_code == 429


async def test_guesses_from_a_known_device_are_limited_as_well(
    client: AsyncClient, user: User
) -> None:
    await log_in(client)
    codes = [(await log_in(client, password=f"guess number {n}")).status_code for n in range(11)]
    assert codes == [401] * 10 + [429]


async def test_a_reset_ends_the_wait(client: AsyncClient, user: User, mailbox: Mailbox) -> None:
    await use_up()
    for n in range(10):
        await log_in(client, password=f"guess number {n}")
    assert (await log_in(client)).status_code == 429

    await forget_password(client)
    await reset_password(client, mailed_token(mailbox, page="/reset-password"))

    assert (await log_in(client, password=NEW_PASSWORD)).status_code == 204


async def test_people_who_are_signed_in_can_change_their_password(
    client: AsyncClient, user: User
) -> None:
    client.headers.update(await get_bearer(client))
    await use_up()
    assert (await change_password(client)).status_code == 200


async def test_a_deleted_account_leaves_no_cookie(client: AsyncClient, user: User) -> None:
    await log_in(client)
    assert {"session", "device"} <= set(client.cookies)
    await client.post("/account/delete", data={"current_password": PASSWORD})
    assert set(client.cookies) <= {"flash"}
