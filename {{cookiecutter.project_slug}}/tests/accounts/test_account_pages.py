"""What can be changed of an account, as a browser without JavaScript sees it."""

import re

import pytest
from httpx2 import AsyncClient
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from tests.accounts.fixtures import (
    EMAIL,
    NEW_EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    get_bearer,
    log_in,
    mailed_token,
    make_user,
)

WRONG = "mallory was here today"
PASSWORDS = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
NEW_ADDRESS = {"email": NEW_EMAIL, "current_password": PASSWORD}


@pytest.fixture
async def signed_in(client: AsyncClient, user: User) -> AsyncClient:
    await log_in(client)
    return client


def goes_to(path: str) -> tuple[int, str]:
    return 303, path


async def post(client: AsyncClient, path: str, **form: str) -> tuple[int, str]:
    """Send a form, and say where it leads."""
    response = await client.post(path, data=form)
    return response.status_code, response.headers.get("location", response.text)


async def test_the_account_leads_to_everything(signed_in: AsyncClient) -> None:
    html = (await signed_in.get("/account")).text

    for path in ("/account/password", "/account/email", "/account/delete"):
        assert f'href="{path}"' in html
        assert (await signed_in.get(path)).status_code == 200


@pytest.mark.parametrize("path", ["/account/password", "/account/email", "/account/delete"])
async def test_who_is_not_signed_in_signs_in_first(client: AsyncClient, path: str) -> None:
    form = await client.post(path, headers={"Referer": f"http://testserver{path}"})
    for answer in (await client.get(path), form):
        assert (answer.status_code, answer.headers["location"]) == goes_to(f"/login?next={path}")


async def test_after_signing_in_a_button_leads_back_to_its_page(client: AsyncClient) -> None:
    client.headers["Referer"] = "http://testserver/account?tab=devices"
    assert await post(client, "/account/sessions/end") == goes_to("/login?next=/account")


async def test_the_password_is_changed(signed_in: AsyncClient) -> None:
    other = await get_bearer(signed_in)

    assert await post(signed_in, "/account/password", **PASSWORDS) == goes_to("/account")

    assert "Your password is changed" in (await signed_in.get("/account")).text
    assert (await signed_in.get("/api/v1/users/me", headers=other)).status_code == 401
    assert (await log_in(signed_in, password=NEW_PASSWORD)).status_code == 204


@pytest.mark.parametrize(
    ("form", "status", "wrong"),
    [
        (PASSWORDS | {"current_password": WRONG}, 403, "current_password"),
        (PASSWORDS | {"current_password": ""}, 422, "current_password"),
        (PASSWORDS | {"new_password": "short"}, 422, "new_password"),
        (PASSWORDS | {"new_password": EMAIL}, 422, "new_password"),
    ],
)
async def test_what_is_wrong_with_a_new_password_is_told_next_to_the_field(
    signed_in: AsyncClient, form: dict[str, str], status: int, wrong: str
) -> None:
    code, html = await post(signed_in, "/account/password", **form)

    assert code == status
    assert fields_marked(html) == [wrong]
    assert WRONG not in html
    assert 'href="/account"' in html


async def test_the_address_is_changed(signed_in: AsyncClient, mailbox: Mailbox) -> None:
    assert await post(signed_in, "/account/email", **NEW_ADDRESS) == goes_to("/account")
    html = (await signed_in.get("/account")).text
    assert f"We have sent an e-mail to {NEW_EMAIL}" in html
    assert f"To be replaced by {NEW_EMAIL}" in html

    token = mailed_token(mailbox, NEW_EMAIL, "/confirm-email")
    for _ in range(3):  # mail scanners open it as well
        assert token in (await signed_in.get(f"/confirm-email?token={token}")).text
    assert await post(signed_in, "/confirm-email", token=token) == goes_to("/account")

    html = (await signed_in.get("/account")).text
    assert f"The address of your account is now {NEW_EMAIL}" in html
    assert "To be replaced" not in html
    assert EMAIL not in html


async def test_the_link_works_on_a_device_that_is_not_signed_in(
    signed_in: AsyncClient, mailbox: Mailbox
) -> None:
    await post(signed_in, "/account/email", **NEW_ADDRESS)
    signed_in.cookies.clear()

    token = mailed_token(mailbox, NEW_EMAIL, "/confirm-email")
    assert await post(signed_in, "/confirm-email", token=token) == goes_to("/login")
    assert NEW_EMAIL in (await signed_in.get("/login")).text


@pytest.mark.parametrize(
    ("form", "status", "wrong"),
    [
        (NEW_ADDRESS | {"current_password": WRONG}, 403, "current_password"),
        (NEW_ADDRESS | {"email": "nonsense"}, 422, "email"),
        (NEW_ADDRESS | {"email": EMAIL}, 422, "email"),
    ],
)
async def test_what_is_wrong_with_a_new_address_is_told_next_to_the_field(
    signed_in: AsyncClient, form: dict[str, str], status: int, wrong: str
) -> None:
    code, html = await post(signed_in, "/account/email", **form)

    assert code == status
    assert fields_marked(html) == [wrong]
    assert f'value="{form["email"]}"' in html
    assert f"It is {EMAIL} until" in html


async def test_an_address_that_was_taken_meanwhile_is_told(
    signed_in: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    await post(signed_in, "/account/email", **NEW_ADDRESS)
    token = mailed_token(mailbox, NEW_EMAIL, "/confirm-email")
    await make_user(session, email=NEW_EMAIL)

    code, html = await post(signed_in, "/confirm-email", token=token)

    assert code == 409
    assert "Another account has been made with this address" in html


async def test_the_account_is_deleted_after_one_more_question(
    signed_in: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    assert "Nobody can bring it back" in (await signed_in.get("/account/delete")).text
    code, html = await post(signed_in, "/account/delete", current_password=WRONG)
    assert (code, fields_marked(html)) == (403, ["current_password"])
    assert len((await session.exec(select(User))).all()) == 1

    form = {"current_password": PASSWORD}
    assert await post(signed_in, "/account/delete", **form) == goes_to("/")

    assert "Your account is deleted" in (await signed_in.get("/login")).text
    assert (await signed_in.get("/account")).status_code == 303
    assert (await session.exec(select(User))).all() == []


async def test_every_device_can_be_signed_out(signed_in: AsyncClient) -> None:
    other = await get_bearer(signed_in)

    assert await post(signed_in, "/account/sessions/end") == goes_to("/login")

    assert (await signed_in.get("/account")).status_code == 303
    assert (await signed_in.get("/api/v1/users/me", headers=other)).status_code == 401


def fields_marked(html: str) -> list[str]:
    """The names of the inputs that are shown as wrong."""
    inputs = re.findall(r"<input[^>]*>", html)
    return [
        name[1]
        for each in inputs
        if 'aria-invalid="true"' in each and (name := re.search(r'name="(\w+)"', each))
    ]
