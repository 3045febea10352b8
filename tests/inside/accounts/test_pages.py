"""The pages as a browser without JavaScript sees them."""

import asyncio
import re
from datetime import timedelta

import httpx2
import pytest
from kit.ratelimit import Limit
from kit.settings import settings
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import limits
from app.accounts.models import LoginSession
from tests.accounts.forms import ADDRESS, REGISTRATION, input_of, press_confirm, register, token_in


async def test_of_many_simultaneous_first_sign_ins_one_wins(
    client: httpx2.AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    await register(client)
    token = token_in(mailbox)

    answers = await asyncio.gather(*(press_confirm(client, token) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [303] + [400] * 9
    assert len((await session.exec(select(LoginSession))).all()) == 1


async def test_guessing_the_password_behind_a_link_is_slowed_down(
    client: httpx2.AsyncClient, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(client)
    monkeypatch.setattr(settings, "rate_limits", True)

    for _ in range(30):
        response = await press_confirm(client, token_in(mailbox), "a wrong guess")

    assert response.status_code == 429


@pytest.mark.parametrize("token", ["", "x", "x" * 10_000, "\0"])
async def test_a_senseless_link_is_answered_kindly(client: httpx2.AsyncClient, token: str) -> None:
    response = await press_confirm(client, token)

    assert response.status_code == 400
    assert "This link no longer works" in response.text


async def test_the_cursor_goes_to_the_first_wrong_field(client: httpx2.AsyncClient) -> None:
    html = (await client.post("/register", data={**REGISTRATION, "password": "x"})).text

    assert re.findall(r'name="(\w+)"[^>]*autofocus', html) == ["password"]


async def test_too_many_attempts_are_told_in_the_form(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "rate_limits", True)

    for _ in range(30):
        response = await client.post("/login", data={"email": "slow@example.com", "password": "x"})

    assert response.status_code == 429
    assert int(response.headers["retry-after"]) > 0
    assert 'value="slow@example.com"' in input_of(response.text, "email")


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/register", REGISTRATION),
        ("/resend-verification", {"email": ADDRESS}),
        ("/forgot-password", {"email": ADDRESS}),
    ],
)
async def test_every_form_that_is_sent_too_often_says_when_to_try_again(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, path: str, form: dict[str, str]
) -> None:
    monkeypatch.setattr(settings, "rate_limits", True)
    for limit in ("REGISTRATIONS_FROM_ONE_CLIENT", "EMAIL_REQUESTS_FROM_ONE_CLIENT"):
        monkeypatch.setattr(limits, limit, Limit(f"test{path}", 1, per=timedelta(hours=1)))

    await client.post(path, data=form)
    response = await client.post(path, data=form)

    assert response.status_code == 429
    assert int(response.headers["retry-after"]) > 0
    assert f'value="{ADDRESS}"' in input_of(response.text, "email")
