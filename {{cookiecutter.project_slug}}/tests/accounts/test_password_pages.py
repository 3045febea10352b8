"""A new password, as a browser without JavaScript sees it."""

import httpx2
import pytest
from kit.testing import Mailbox
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from tests.accounts.fixtures import EMAIL, PASSWORD, make_user

NEW_PASSWORD = "seven green herons at dawn"


async def reset_link(client: httpx2.AsyncClient, mailbox: Mailbox) -> str:
    response = await client.post("/forgot-password", data={"email": EMAIL})
    assert (response.status_code, response.headers["location"]) == (303, "/forgot-password/done")
    return mailbox.to(EMAIL).latest.link("/reset-password").removeprefix("http://testserver")


async def reset(client: httpx2.AsyncClient, link: str, password: str) -> httpx2.Response:
    """What the form of the page behind the link sends."""
    token = link.partition("?token=")[2]
    page = (await client.get(link)).text
    assert f'name="token" value="{token}"' in page
    return await client.post("/reset-password", data={"token": token, "password": password})


async def sign_in(client: httpx2.AsyncClient, password: str) -> int:
    form = {"email": EMAIL, "password": password}
    return (await client.post("/login", data=form)).status_code


async def test_from_a_forgotten_password_to_a_new_one(
    client: httpx2.AsyncClient, user: User, mailbox: Mailbox
) -> None:
    assert 'href="/forgot-password"' in (await client.get("/login")).text
    link = await reset_link(client, mailbox)
    assert "Check your inbox" in (await client.get("/forgot-password/done")).text

    response = await reset(client, link, NEW_PASSWORD)

    assert (response.status_code, response.headers["location"]) == (303, "/login")
    assert "Your new password is set" in (await client.get("/login")).text
    assert await sign_in(client, PASSWORD) == 401
    assert await sign_in(client, NEW_PASSWORD) == 303


async def test_following_the_link_does_not_use_it_up(
    client: httpx2.AsyncClient, user: User, mailbox: Mailbox
) -> None:
    link = await reset_link(client, mailbox)
    for _ in range(3):
        assert (await client.get(link)).status_code == 200

    assert (await reset(client, link, NEW_PASSWORD)).status_code == 303


@pytest.mark.parametrize("password", ["", "short", EMAIL])
async def test_a_bad_password_is_told_next_to_the_field_and_the_link_stays_good(
    client: httpx2.AsyncClient, user: User, mailbox: Mailbox, password: str
) -> None:
    link = await reset_link(client, mailbox)

    response = await reset(client, link, password)

    assert response.status_code == 422
    assert 'aria-invalid="true"' in response.text
    assert f'name="token" value="{link.partition("?token=")[2]}"' in response.text
    assert (await reset(client, link, NEW_PASSWORD)).status_code == 303


async def test_a_link_works_once_and_then_another_can_be_asked_for(
    client: httpx2.AsyncClient, user: User, mailbox: Mailbox
) -> None:
    link = await reset_link(client, mailbox)
    await reset(client, link, NEW_PASSWORD)

    response = await reset(client, link, "five grey geese at dusk")

    assert response.status_code == 400
    assert "This link no longer works" in response.text
    assert 'action="/forgot-password"' in response.text


async def test_asking_never_tells_who_has_an_account(
    client: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    response = await client.post("/forgot-password", data={"email": EMAIL})

    assert (response.status_code, response.headers["location"]) == (303, "/forgot-password/done")
    assert len(mailbox) == 0


async def test_the_account_leads_to_a_new_password_and_knows_the_address(
    client: httpx2.AsyncClient, session: AsyncSession
) -> None:
    await make_user(session)
    await sign_in(client, PASSWORD)

    assert 'href="/account/password"' in (await client.get("/account")).text
    assert 'href="/forgot-password"' in (await client.get("/account/password")).text
    assert f'value="{EMAIL}"' in (await client.get("/forgot-password")).text
