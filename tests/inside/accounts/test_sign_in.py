from httpx2 import AsyncClient
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import LoginSession, User
from tests.accounts.fixtures import get_bearer, log_in, register


async def test_whoever_registers_an_address_cannot_tell_by_signing_in_whether_it_was_taken(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    mine = {"password": "mallory was here today"}
    answers = []
    for email in (user.email, "new@example.com"):
        await register(client, email=email, **mine)
        answers.append(await log_in(client, email, **mine))

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert (await session.exec(select(LoginSession))).all() == []


async def test_logging_out_with_both_bearer_token_and_cookie_ends_both_sessions(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    await log_in(client)

    await client.post("/api/v1/auth/logout", headers=await get_bearer(client))

    assert "session" not in client.cookies
    assert (await session.exec(select(LoginSession))).all() == []
