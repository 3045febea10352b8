"""The forms of accounts as a browser without JavaScript sends them."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx2
from kit.testing import Mailbox

ADDRESS = "anna@example.com"
PASSWORD = "seven green herons at dawn"
REGISTRATION = {"email": ADDRESS, "password": PASSWORD, "full_name": "Anna Lindqvist"}


async def register(client: httpx2.AsyncClient) -> None:
    """Register, and check that the page says to look into the mailbox."""
    response = await client.post("/register", data=REGISTRATION)
    assert (response.status_code, response.headers["location"]) == (303, "/register/done")


def token_in(mailbox: Mailbox) -> str:
    """Return the token of the latest link to verify the address."""
    link = mailbox.to(ADDRESS).latest.link("/verify-email")
    return parse_qs(urlsplit(link).query)["token"][0]


async def verify(client: httpx2.AsyncClient, mailbox: Mailbox) -> None:
    """Follow the link, and check that it leads to the account."""
    response = await press_confirm(client, token_in(mailbox))
    assert (response.status_code, response.headers["location"]) == (303, "/account")


async def press_confirm(
    client: httpx2.AsyncClient, token: str, password: str = PASSWORD
) -> httpx2.Response:
    """Send the form behind the link of the welcome e-mail."""
    return await client.post("/verify-email", data={"token": token, "password": password})


async def sign_in(
    client: httpx2.AsyncClient, password: str = PASSWORD, url: str = "/login"
) -> httpx2.Response:
    return await client.post(url, data={"email": ADDRESS, "password": password})


def input_of(html: str, name: str) -> str:
    """Return the tag of the input with this name."""
    found = re.search(rf'<input[^>]*\bname="{name}"[^>]*>', html)
    assert found, f"no input {name!r}"
    return unescape(found[0])
