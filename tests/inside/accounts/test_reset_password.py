import asyncio

import pytest
from httpx2 import AsyncClient
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import service, tokens
from app.accounts.errors import InvalidToken
from app.accounts.models import LoginSession, User
from app.accounts.sessions import ClientInfo
from app.accounts.tokens import Purpose
from tests.accounts.fixtures import EMAIL, NEW_PASSWORD, log_in, reset_password


@pytest.fixture
async def token(session: AsyncSession, user: User) -> str:
    token = await tokens.issue(session, user, Purpose.RESET_PASSWORD)
    await session.commit()
    return token


async def test_of_many_simultaneous_uses_one_wins(client: AsyncClient, token: str) -> None:
    answers = await asyncio.gather(*(reset_password(client, token) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9


@pytest.mark.parametrize("foreign", ["nonsense", "e\u0301", "A" * 43])
async def test_a_foreign_token_is_refused(client: AsyncClient, token: str, foreign: str) -> None:
    assert (await reset_password(client, foreign)).status_code == 400
    assert (await log_in(client)).status_code == 204


async def test_a_token_does_not_open_an_account_that_has_moved_to_another_address(
    session: AsyncSession, user: User, token: str
) -> None:
    user.email = "new@example.com"
    await session.commit()

    with pytest.raises(InvalidToken):
        await service.reset_password(session, token, NEW_PASSWORD, ClientInfo("127.0.0.1", ""))


async def test_the_time_of_the_verification_stays_as_it_was(
    client: AsyncClient, session: AsyncSession, user: User, token: str
) -> None:
    before = user.verified_at
    await reset_password(client, token)

    await session.refresh(user)
    assert user.verified_at == before


async def test_no_session_of_the_old_password_outlives_a_reset_at_the_same_moment(
    client: AsyncClient, session: AsyncSession, user: User, token: str
) -> None:
    await asyncio.gather(
        *(log_in(client) for _ in range(10)),
        reset_password(client, token),
        *(log_in(client) for _ in range(10)),
    )

    assert (await session.exec(select(LoginSession))).all() == []
    assert (await log_in(client, EMAIL, NEW_PASSWORD)).status_code == 204
