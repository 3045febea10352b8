import asyncio
from datetime import timedelta

import pytest
import time_machine
from httpx2 import AsyncClient
from kit.database import utcnow
from kit.tasks import Discard
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import service, tokens
from app.accounts.cleanup_tasks import delete_expired
from app.accounts.errors import InvalidToken
from app.accounts.models import AccountToken, User
from app.accounts.tasks import send_verification_email, send_welcome_email
from app.accounts.tokens import Purpose
from tests.accounts.fixtures import make_user, verify


@pytest.fixture
async def newcomer(session: AsyncSession) -> User:
    """Somebody who has registered, and nothing more."""
    return await make_user(session, verified_at=None)


@pytest.fixture
async def token(session: AsyncSession, newcomer: User) -> str:
    token = await tokens.issue(session, newcomer, Purpose.VERIFY_EMAIL)
    await session.commit()
    return token


async def test_of_many_simultaneous_uses_one_wins(client: AsyncClient, token: str) -> None:
    answers = await asyncio.gather(*(verify(client, token) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9


@pytest.mark.parametrize("foreign", ["nonsense", "e\u0301", "eyJhbGciOiJub25lIn0.e30.", "A" * 43])
async def test_a_foreign_token_is_refused(client: AsyncClient, token: str, foreign: str) -> None:
    assert (await verify(client, foreign)).status_code == 400


async def test_a_token_of_another_purpose_is_refused(
    client: AsyncClient, session: AsyncSession, newcomer: User, token: str
) -> None:
    stored = (await session.exec(select(AccountToken))).one()
    stored.purpose = "something_else"
    await session.commit()

    assert (await verify(client, token)).status_code == 400


async def test_a_token_does_not_vouch_for_an_address_that_it_was_not_sent_to(
    session: AsyncSession, newcomer: User, token: str
) -> None:
    newcomer.email = "new@example.com"
    await session.commit()

    with pytest.raises(InvalidToken):
        await service.verify_email(session, token)
    assert newcomer.verified_at is None


async def test_using_a_link_leaves_the_links_of_others_alone(
    client: AsyncClient, session: AsyncSession, token: str
) -> None:
    other = await make_user(session, email="grace@example.com", verified_at=None)
    others = await tokens.issue(session, other, Purpose.VERIFY_EMAIL)
    await session.commit()
    await verify(client, token)

    assert (await verify(client, others)).status_code == 200


async def test_nobody_is_welcomed_who_is_gone(
    session: AsyncSession, newcomer: User, mailbox: Mailbox
) -> None:
    await session.delete(newcomer)
    await session.commit()

    with pytest.raises(Discard):
        await send_welcome_email(newcomer.id)
    assert len(mailbox) == 0


async def test_the_tokens_of_a_deleted_user_go_with_them(
    session: AsyncSession, newcomer: User, token: str
) -> None:
    await session.delete(newcomer)
    await session.commit()

    assert (await session.exec(select(AccountToken))).all() == []


async def test_who_has_just_asked_for_another_link_is_not_deleted(
    session: AsyncSession, newcomer: User, mailbox: Mailbox
) -> None:
    with time_machine.travel(utcnow() + timedelta(days=31)):
        await send_verification_email(newcomer.email)
        await delete_expired()

    assert len((await session.exec(select(User))).all()) == 1


async def test_who_was_banned_before_verifying_stays_banned(
    session: AsyncSession, newcomer: User
) -> None:
    newcomer.is_active = False
    session.add(newcomer)
    await session.commit()

    with time_machine.travel(utcnow() + timedelta(days=31)):
        await delete_expired()

    assert len((await session.exec(select(User))).all()) == 1
