import asyncio
from datetime import timedelta

from httpx2 import AsyncClient
from kit.database import utcnow
from kit.testing import Mailbox
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from tests.accounts.fixtures import log_in, mailed_token, make_user, register, verify


async def all_users(session: AsyncSession) -> list[User]:
    return list((await session.exec(select(User))).all())


async def test_the_times_of_an_account_know_their_time_zone(
    client: AsyncClient, session: AsyncSession
) -> None:
    await register(client)

    [user] = await all_users(session)
    for time in (user.created_at, user.updated_at):
        assert time.utcoffset() == timedelta(0)
        assert abs(utcnow() - time) < timedelta(minutes=1)


async def test_accents_composed_or_not_are_one_address(
    client: AsyncClient, session: AsyncSession
) -> None:
    await register(client, email="jos\u00e9@example.com")
    await register(client, email="JOSE\u0301@example.com")

    assert [user.email for user in await all_users(session)] == ["jos\u00e9@example.com"]


async def test_two_hundred_at_once_for_one_address_make_one_user_and_one_welcome(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    answers = await asyncio.gather(*(register(client) for _ in range(200)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert (await session.exec(select(func.count(col(User.id))))).one() == 1
    assert [mail.subject.split()[0] for mail in mailbox] == ["Welcome"]
    await verify(client, mailed_token(mailbox))
    assert (await log_in(client)).status_code == 204


async def test_fifty_at_once_for_a_taken_address_send_one_notice(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    await make_user(session, registration_mailed_at=utcnow() - timedelta(days=1))

    answers = await asyncio.gather(*(register(client) for _ in range(50)))

    assert {answer.status_code for answer in answers} == {202}
    assert len(mailbox) == 1
