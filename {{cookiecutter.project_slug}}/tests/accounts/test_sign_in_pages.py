"""Signing in and out, as a browser without JavaScript sees it."""

import re

import httpx2
import pytest
from kit.testing import Mailbox

from app.accounts.pages import local_path
from tests.accounts.forms import ADDRESS, input_of, register, sign_in, verify


@pytest.fixture
async def signed_in(client: httpx2.AsyncClient, mailbox: Mailbox) -> httpx2.AsyncClient:
    """A client that went the whole way."""
    await register(client)
    await verify(client, mailbox)
    return client


async def test_a_wrong_password_is_told_in_the_form(
    client: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    await register(client)
    await verify(client, mailbox)

    response = await sign_in(client, "another password")

    assert response.status_code == 401
    assert 'role="alert"' in response.text
    assert f'value="{ADDRESS}"' in input_of(response.text, "email")
    assert "another password" not in response.text


async def test_whoever_can_not_sign_in_is_shown_two_ways_out(
    client: httpx2.AsyncClient,
) -> None:
    assert "/resend-verification" not in (await client.get("/login")).text

    response = await sign_in(client, "whatever it was")

    assert response.status_code == 401
    assert 'href="/forgot-password"' in response.text
    assert 'href="/resend-verification"' in response.text


async def test_who_is_not_signed_in_signs_in_first_and_comes_back(
    client: httpx2.AsyncClient, mailbox: Mailbox
) -> None:
    await register(client)
    await verify(client, mailbox)
    await client.post("/logout")

    response = await client.get("/account?tab=devices")

    assert response.status_code == 303
    assert response.headers["location"] == "/login?next=/account%3Ftab%3Ddevices"
    assert (await sign_in(client, url="/login?next=/docs")).headers["location"] == "/docs"


@pytest.mark.parametrize(
    "next_",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
    ],
)
def test_signing_in_never_leads_to_another_site(next_: str) -> None:
    assert local_path(next_) == "/account"


@pytest.mark.parametrize("next_", ["/", "/account", "/a/b?c=d&e=//f", "/docs#/auth"])
def test_signing_in_leads_back_to_where_one_was(next_: str) -> None:
    assert local_path(next_) == next_


@pytest.mark.parametrize("path", ["/login", "/register"])
async def test_who_is_signed_in_is_not_asked_again(
    signed_in: httpx2.AsyncClient, path: str
) -> None:
    response = await signed_in.get(path)

    assert (response.status_code, response.headers["location"]) == (303, "/account")


async def test_signing_out_ends_the_session(signed_in: httpx2.AsyncClient) -> None:
    cookies = dict(signed_in.cookies)

    response = await signed_in.post("/logout")

    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert "You are signed out" in (await signed_in.get("/login")).text
    signed_in.cookies.update(cookies)
    assert (await signed_in.get("/account")).status_code == 303


async def test_another_device_can_be_signed_out(signed_in: httpx2.AsyncClient) -> None:
    here = dict(signed_in.cookies)
    signed_in.cookies.clear()
    await sign_in(signed_in)
    there = dict(signed_in.cookies)
    signed_in.cookies.clear()
    signed_in.cookies.update(here)

    html = (await signed_in.get("/account")).text
    (end,) = re.findall(r'action="(/account/sessions/[^"]+/end)"', html)
    response = await signed_in.post(end)

    assert (response.status_code, response.headers["location"]) == (303, "/account")
    assert (await signed_in.get("/account")).status_code == 200
    signed_in.cookies.clear()
    signed_in.cookies.update(there)
    assert (await signed_in.get("/account")).status_code == 303


async def test_another_site_can_not_sign_people_in_or_out(signed_in: httpx2.AsyncClient) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for path in ("/login", "/logout", "/account"):
        assert (await signed_in.post(path, data={}, headers=foreign)).status_code == 403

    assert (await signed_in.get("/account")).status_code == 200
