from typing import Any

import pytest
from httpx2 import AsyncClient
from kit.settings import settings
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import dependencies
from app.accounts.models import LoginSession, User
from tests.accounts.fixtures import EMAIL, PASSWORD, get_bearer, log_in, make_user

ME = "/api/v1/users/me"


async def test_signing_in_sets_a_cookie_that_opens_the_account(
    client: AsyncClient, user: User
) -> None:
    answer = await log_in(client)

    assert answer.status_code == 204
    assert (await client.get(ME)).json()["email"] == user.email


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    client: AsyncClient, user: User
) -> None:
    cookie = (await log_in(client)).headers["set-cookie"].lower()

    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/;" in cookie
    assert "domain" not in cookie


async def test_in_production_the_cookie_travels_over_tls_only(
    client: AsyncClient, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "environment", "production")
    monkeypatch.setattr(dependencies, "SESSION_COOKIE", "__Host-session")

    cookie = (await log_in(client)).headers["set-cookie"]

    assert cookie.startswith("__Host-session=")
    assert "Secure" in cookie


async def test_the_oauth2_form_gives_a_bearer_token(client: AsyncClient, user: User) -> None:
    form = {"grant_type": "password", "username": user.email, "password": PASSWORD}
    answer = await client.post("/api/v1/auth/token", data=form)

    body = answer.json()
    assert answer.status_code == 200
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 14 * 24 * 3600
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert (await client.get(ME, headers=headers)).status_code == 200


async def test_the_authorize_button_of_the_docs_knows_where_to_ask(client: AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()

    [scheme] = schema["components"]["securitySchemes"].values()
    url = scheme["flows"]["password"]["tokenUrl"]
    assert url in schema["paths"]
    assert schema["paths"][ME]["get"]["security"]


async def test_the_address_is_the_same_in_every_spelling(client: AsyncClient, user: User) -> None:
    assert (await log_in(client, "ADA@Example.COM")).status_code == 204
    form = {"username": " Ada@example.com", "password": PASSWORD}
    assert (await client.post("/api/v1/auth/token", data=form)).status_code == 200


async def test_every_reason_to_refuse_gets_the_same_answer(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    await make_user(session, email="gone@example.com", is_active=False)
    await make_user(session, email="new@example.com", verified_at=None)

    answers = [
        await log_in(client, user.email, "wrong horse battery staple"),
        await log_in(client, "nobody@example.com"),
        await log_in(client, "gone@example.com"),
        await log_in(client, "new@example.com", "wrong horse battery staple"),
        await log_in(client, "new@example.com"),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert not any("set-cookie" in answer.headers for answer in answers)


async def test_the_password_is_told_apart_by_case(client: AsyncClient, user: User) -> None:
    assert (await log_in(client, password=PASSWORD.upper())).status_code == 401


async def test_a_hash_of_other_parameters_is_renewed_at_sign_in(
    client: AsyncClient, session: AsyncSession
) -> None:
    old = PasswordHash([Argon2Hasher(memory_cost=16, time_cost=1, parallelism=1)]).hash(PASSWORD)
    user = await make_user(session, password_hash=old)

    assert (await log_in(client)).status_code == 204

    await session.refresh(user)
    assert user.password_hash != old
    assert (await log_in(client)).status_code == 204


async def test_without_a_session_the_account_is_closed(client: AsyncClient) -> None:
    answer = await client.get(ME)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_bearer_token_alone_counts_even_beside_a_good_cookie(
    client: AsyncClient, user: User
) -> None:
    await log_in(client)

    answer = await client.get(ME, headers={"Authorization": "Bearer nonsense"})

    assert answer.status_code == 401


async def test_a_program_that_signs_in_leaves_the_browser_signed_in(
    client: AsyncClient, user: User
) -> None:
    await log_in(client)
    await get_bearer(client)

    assert (await client.get(ME)).status_code == 200


async def test_a_new_sign_in_replaces_the_browsers_session(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    await log_in(client)
    before: Any = dict(client.cookies)
    await log_in(client)

    assert dict(client.cookies) != before
    assert len((await session.exec(select(LoginSession))).all()) == 1


async def test_logging_out_ends_the_session_itself(client: AsyncClient, user: User) -> None:
    await log_in(client)
    token = client.cookies["session"]

    answer = await client.post("/api/v1/auth/logout")

    assert answer.status_code == 204
    assert "session" not in client.cookies
    client.cookies.set("session", token)
    assert (await client.get(ME)).status_code == 401


async def test_logging_out_by_bearer_token_ends_that_session_only(
    client: AsyncClient, user: User
) -> None:
    one, other = await get_bearer(client), await get_bearer(client)

    await client.post("/api/v1/auth/logout", headers=one)

    assert (await client.get(ME, headers=one)).status_code == 401
    assert (await client.get(ME, headers=other)).status_code == 200


async def test_logging_out_without_a_session_is_no_mistake(client: AsyncClient) -> None:
    assert (await client.post("/api/v1/auth/logout")).status_code == 204


async def test_a_closed_account_is_out_at_once(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    await log_in(client)
    user.is_active = False
    await session.commit()

    assert (await client.get(ME)).status_code == 401
    assert (await log_in(client, EMAIL)).status_code == 401
