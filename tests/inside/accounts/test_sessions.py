from datetime import timedelta

import time_machine
from httpx2 import AsyncClient
from kit.database import utcnow
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import sessions
from app.accounts.models import LoginSession, User
from app.accounts.sessions import ClientInfo
from tests.accounts.fixtures import get_bearer, log_in

ME = "/api/v1/users/me"


async def only_session(session: AsyncSession) -> LoginSession:
    login = (await session.exec(select(LoginSession))).one()
    await session.refresh(login)
    return login


async def test_last_seen_is_written_once_a_minute_not_with_every_request(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    phone = await get_bearer(client)
    seen = (await only_session(session)).last_seen_at

    with time_machine.travel(seen + timedelta(seconds=30)):
        await client.get(ME, headers=phone)
    assert (await only_session(session)).last_seen_at == seen

    with time_machine.travel(seen + timedelta(seconds=90)):
        await client.get(ME, headers=phone)
    assert (await only_session(session)).last_seen_at >= seen + timedelta(seconds=90)


async def test_signing_in_clears_away_what_has_expired(session: AsyncSession, user: User) -> None:
    await sessions.start(session, user, ClientInfo(ip="", user_agent="old"))
    await session.commit()

    with time_machine.travel(utcnow() + timedelta(days=15)):
        await sessions.start(session, user, ClientInfo(ip="", user_agent="new"))
        await session.commit()

    assert (await only_session(session)).user_agent == "new"


async def test_a_monstrous_user_agent_is_cut(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    client.headers["User-Agent"] = "x" * 5000

    assert (await log_in(client)).status_code == 204
    assert (await only_session(session)).user_agent == "x" * 255
