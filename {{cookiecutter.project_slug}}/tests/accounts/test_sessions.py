from datetime import timedelta
from uuid import uuid4

import time_machine
from httpx2 import AsyncClient
from kit.database import utcnow
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import LoginSession, User
from app.accounts.sessions import IDLE_LIFETIME, LONGEST_LIFETIME
from tests.accounts.fixtures import get_bearer, log_in, make_user

ME = "/api/v1/users/me"
SESSIONS = f"{ME}/sessions"


async def only_session(session: AsyncSession) -> LoginSession:
    login = (await session.exec(select(LoginSession))).one()
    await session.refresh(login)
    return login


async def test_the_devices_that_are_signed_in_are_listed(client: AsyncClient, user: User) -> None:
    client.headers["User-Agent"] = "Firefox"
    await log_in(client)
    client.headers["User-Agent"] = "curl"
    await get_bearer(client)

    listed = (await client.get(SESSIONS)).json()

    assert {(s["user_agent"], s["current"]) for s in listed} == {("Firefox", True), ("curl", False)}
    assert not any("token" in name for s in listed for name in s)
    for one in listed:
        assert (await client.get(f"{SESSIONS}/{one['id']}")).json() == one


async def test_the_database_keeps_only_a_hash_of_a_session_token(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    await log_in(client)
    token = client.cookies["session"]

    assert token not in str((await only_session(session)).model_dump())
    assert len(token) >= 43


async def test_one_device_can_be_signed_out(client: AsyncClient, user: User) -> None:
    phone = await get_bearer(client)
    await log_in(client)
    [found] = [s for s in (await client.get(SESSIONS)).json() if not s["current"]]

    assert (await client.delete(f"{SESSIONS}/{found['id']}")).status_code == 204

    assert (await client.get(ME, headers=phone)).status_code == 401
    assert (await client.get(ME)).status_code == 200


async def test_all_devices_can_be_signed_out(client: AsyncClient, user: User) -> None:
    phone = await get_bearer(client)
    await log_in(client)

    assert (await client.delete(SESSIONS)).status_code == 204

    assert (await client.get(ME, headers=phone)).status_code == 401
    assert (await client.get(ME)).status_code == 401


async def test_the_devices_of_others_are_neither_seen_nor_ended(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    other = await make_user(session, email="grace@example.com")
    others = await get_bearer(client, other.email)
    [foreign] = (await client.get(SESSIONS, headers=others)).json()
    await log_in(client)

    assert len((await client.get(SESSIONS)).json()) == 1
    for method in ("GET", "DELETE"):
        answer = await client.request(method, f"{SESSIONS}/{foreign['id']}")
        assert answer.status_code == 404
    await client.delete(SESSIONS)
    assert (await client.get(ME, headers=others)).status_code == 200


async def test_an_unknown_device_is_not_found(client: AsyncClient, user: User) -> None:
    await log_in(client)

    assert (await client.delete(f"{SESSIONS}/{uuid4()}")).status_code == 404
    assert (await client.delete(f"{SESSIONS}/nonsense")).status_code == 422


async def test_a_session_ends_when_it_is_not_used(client: AsyncClient, user: User) -> None:
    phone = await get_bearer(client)

    with time_machine.travel(utcnow() + IDLE_LIFETIME + timedelta(minutes=1)):
        assert (await client.get(ME, headers=phone)).status_code == 401


async def test_using_a_session_prolongs_it(client: AsyncClient, user: User) -> None:
    phone = await get_bearer(client)
    begin = utcnow()

    for days in (10, 20, 30):
        with time_machine.travel(begin + timedelta(days=days)):
            assert (await client.get(ME, headers=phone)).status_code == 200


async def test_a_session_ends_some_day_however_much_it_is_used(
    client: AsyncClient, user: User
) -> None:
    phone = await get_bearer(client)
    begin = utcnow()

    for days in range(10, LONGEST_LIFETIME.days, 10):
        with time_machine.travel(begin + timedelta(days=days)):
            assert (await client.get(ME, headers=phone)).status_code == 200
    with time_machine.travel(begin + LONGEST_LIFETIME + timedelta(minutes=1)):
        assert (await client.get(ME, headers=phone)).status_code == 401


async def test_the_sessions_of_a_deleted_user_go_with_them(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    phone = await get_bearer(client)
    await session.delete(user)
    await session.commit()

    assert (await client.get(ME, headers=phone)).status_code == 401
    assert (await session.exec(select(LoginSession))).all() == []
