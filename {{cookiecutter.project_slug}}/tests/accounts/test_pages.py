"""The pages as a browser without JavaScript sees them."""

from urllib.parse import urlsplit

import httpx2
import pytest
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from tests.accounts.forms import (
    ADDRESS,
    REGISTRATION,
    input_of,
    press_confirm,
    register,
    sign_in,
    token_in,
    verify,
)


@pytest.fixture
async def signed_in(client: httpx2.AsyncClient, mailbox: Mailbox) -> httpx2.AsyncClient:
    """A client that went the whole way."""
    await register(client)
    await verify(client, mailbox)
    return client


async def test_from_registering_to_the_account(
    client: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    await register(client)
    assert ADDRESS in (await client.get("/register/done")).text

    await verify(client, mailbox)
    html = (await client.get("/account")).text
    assert "Your address is confirmed" in html
    assert ADDRESS in html
    assert "Hello, Anna Lindqvist" in html


async def test_following_the_link_does_not_use_it_up(
    client: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    await register(client)
    link = mailbox.to(ADDRESS).latest.link("/verify-email")

    for _ in range(3):
        path = f"{urlsplit(link).path}?{urlsplit(link).query}"
        assert token_in(mailbox) in (await client.get(path)).text

    await verify(client, mailbox)


async def test_a_link_works_once_and_then_offers_a_new_one(
    client: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    await register(client)
    await verify(client, mailbox)

    response = await press_confirm(client, token_in(mailbox))

    assert response.status_code == 400
    assert "This link no longer works" in response.text
    assert 'action="/resend-verification"' in response.text


@pytest.mark.parametrize(("password", "status"), [("", 422), ("mallory was here today", 403)])
async def test_who_did_not_register_can_not_confirm_the_account_of_a_stranger(
    client: httpx2.AsyncClient, session: AsyncSession, mailbox: Mailbox, password: str, status: int
) -> None:
    await register(client)

    response = await press_confirm(client, token_in(mailbox), password)

    assert response.status_code == status
    assert 'aria-invalid="true"' in input_of(response.text, "password")
    assert 'href="/forgot-password"' in response.text
    assert (await session.exec(select(User))).one().verified_at is None
    assert (await sign_in(client)).status_code == 401


async def test_a_mistyped_password_leaves_the_link_good(
    client: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    await register(client)

    response = await press_confirm(client, token_in(mailbox), "seven green herons at dusk")

    assert f'value="{token_in(mailbox)}"' in input_of(response.text, "token")
    await verify(client, mailbox)


async def test_every_wrong_field_is_told_at_once_and_what_was_typed_is_kept(
    client: httpx2.AsyncClient,
) -> None:
    response = await client.post(
        "/register", data={"email": 'a"b@', "password": "hunter2", "full_name": "Anna"}
    )

    assert response.status_code == 422
    email = input_of(response.text, "email")
    assert 'value="a"b@"' in email
    assert 'aria-invalid="true"' in email
    assert 'aria-describedby="email-note"' in email
    assert 'value="Anna"' in input_of(response.text, "full_name")
    assert 'value=""' in input_of(response.text, "password")
    assert "hunter2" not in response.text
    assert "Use at least" in response.text


async def test_a_password_that_is_easily_guessed_is_refused_next_to_the_field(
    client: httpx2.AsyncClient,
) -> None:
    response = await client.post("/register", data={**REGISTRATION, "password": ADDRESS})

    assert response.status_code == 422
    assert 'aria-invalid="true"' in input_of(response.text, "password")


async def test_a_taken_address_is_answered_like_any_other(client: httpx2.AsyncClient) -> None:
    await register(client)
    await register(client)


async def test_the_confirmation_can_be_sent_again(
    client: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    await register(client)
    before = len(mailbox)
    response = await client.post("/resend-verification", data={"email": ADDRESS})
    assert (response.status_code, response.headers["location"]) == (
        303,
        "/resend-verification/done",
    )
    assert len(mailbox) == before + 1


async def test_asking_for_a_link_never_tells_who_is_registered(client: httpx2.AsyncClient) -> None:
    response = await client.post("/resend-verification", data={"email": "nobody@example.com"})

    assert (response.status_code, response.headers["location"]) == (
        303,
        "/resend-verification/done",
    )


async def test_the_name_can_be_changed_and_removed(signed_in: httpx2.AsyncClient) -> None:
    for name in ("Zoë <b>", ""):
        response = await signed_in.post("/account", data={"full_name": name})
        assert (response.status_code, response.headers["location"]) == (303, "/account")
        html = (await signed_in.get("/account")).text
        assert f'value="{name}"' in input_of(html, "full_name")
        assert "<b>" not in html


async def test_a_name_that_is_too_long_is_told_next_to_the_field(
    signed_in: httpx2.AsyncClient,
) -> None:
    response = await signed_in.post("/account", data={"full_name": "x" * 101})

    assert response.status_code == 422
    assert "Use at most 100 characters." in response.text


async def test_pages_with_an_account_are_not_kept_by_the_browser(
    signed_in: httpx2.AsyncClient,
) -> None:
    assert (await signed_in.get("/account")).headers["cache-control"] == "no-store"
