"""What can be changed of an account, as a browser without JavaScript sees it."""

import pytest
from httpx2 import AsyncClient
from kit import ratelimit
from kit.settings import settings

from app.accounts.models import User
from tests.accounts.fixtures import NEW_EMAIL, NEW_PASSWORD, PASSWORD, log_in

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


@pytest.mark.parametrize("referer", ["", "http://[", "http://testserver"])
async def test_a_form_from_nowhere_leads_to_the_account(client: AsyncClient, referer: str) -> None:
    client.headers["Referer"] = referer
    assert await post(client, "/account/sessions/end") == goes_to("/login")


@pytest.mark.parametrize("token", ["", "x", "x" * 10_000, "\0"])
async def test_a_senseless_link_is_answered_kindly(signed_in: AsyncClient, token: str) -> None:
    code, html = await post(signed_in, "/confirm-email", token=token)

    assert code == 400
    assert "This did not work" in html
    assert 'href="/account/email"' in html


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/account/password", PASSWORDS),
        ("/account/email", NEW_ADDRESS),
        ("/account/delete", {"current_password": PASSWORD}),
    ],
)
async def test_too_many_guesses_are_told_in_the_form(
    signed_in: AsyncClient, monkeypatch: pytest.MonkeyPatch, path: str, form: dict[str, str]
) -> None:
    monkeypatch.setattr(settings, "rate_limits", True)
    ratelimit.forget()

    for _ in range(15):  # more than the ten that are allowed: time gives some back
        response = await signed_in.post(path, data=form | {"current_password": WRONG})

    assert response.status_code == 429
    assert int(response.headers["retry-after"]) > 0
    assert "Please try again in" in response.text
    ratelimit.forget()


@pytest.mark.parametrize(
    "path", ["/account/password", "/account/email", "/account/delete", "/account/sessions/end"]
)
async def test_another_site_can_send_none_of_it(signed_in: AsyncClient, path: str) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}

    assert (await signed_in.post(path, data=PASSWORDS, headers=foreign)).status_code == 403
    assert (await signed_in.get("/account")).status_code == 200
