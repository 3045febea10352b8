from datetime import timedelta

import pytest
import time_machine
from httpx2 import AsyncClient
from kit.database import utcnow
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import sessions, tokens
from app.accounts.cleanup_tasks import delete_expired
from app.accounts.models import AccountToken, LoginSession, User
from app.accounts.sessions import ClientInfo
from app.accounts.tasks import send_verification_email, send_welcome_email
from app.accounts.tokens import LIFETIMES, Purpose
from tests.accounts.fixtures import EMAIL, log_in, mailed_token, make_user, register, verify


@pytest.fixture
async def newcomer(session: AsyncSession) -> User:
    """A person who has registered, and not verified the address."""
    return await make_user(session, verified_at=None)


@pytest.fixture
async def token(session: AsyncSession, newcomer: User) -> str:
    token = await tokens.issue(session, newcomer, Purpose.VERIFY_EMAIL)
    await session.commit()
    return token


async def resend(client: AsyncClient, email: str = EMAIL) -> tuple[int, str]:
    answer = await client.post("/api/v1/auth/resend-verification", json={"email": email})
    return answer.status_code, answer.text


async def test_a_token_verifies_the_address(
    client: AsyncClient, session: AsyncSession, newcomer: User, token: str
) -> None:
    assert (await verify(client, token)).status_code == 200

    await session.refresh(newcomer)
    assert newcomer.verified_at
    assert abs(utcnow() - newcomer.verified_at) < timedelta(minutes=1)


async def test_a_token_works_once(client: AsyncClient, token: str) -> None:
    await verify(client, token)

    assert (await verify(client, token)).status_code == 400


async def test_a_token_works_until_it_expires(client: AsyncClient, token: str) -> None:
    with time_machine.travel(utcnow() + LIFETIMES[Purpose.VERIFY_EMAIL] - timedelta(minutes=1)):
        assert (await verify(client, token)).status_code == 200


async def test_an_expired_token_is_refused(client: AsyncClient, token: str) -> None:
    with time_machine.travel(utcnow() + LIFETIMES[Purpose.VERIFY_EMAIL] + timedelta(minutes=1)):
        assert (await verify(client, token)).status_code == 400
    assert (await log_in(client)).status_code == 401


async def test_the_database_keeps_only_a_hash_of_the_token(
    session: AsyncSession, token: str
) -> None:
    stored = (await session.exec(select(AccountToken))).one()

    assert token not in str(stored.model_dump())
    assert len(token) >= 43  # 256 bits in base64


async def test_an_e_mail_that_is_sent_again_has_a_new_link_and_both_work(
    client: AsyncClient, session: AsyncSession, newcomer: User, mailbox: Mailbox
) -> None:
    await send_welcome_email(newcomer.id)
    first = mailed_token(mailbox)
    await send_welcome_email(newcomer.id)
    second = mailed_token(mailbox)

    assert first != second
    assert (await verify(client, first)).status_code == 200


async def test_using_one_link_ends_the_others(
    client: AsyncClient, session: AsyncSession, newcomer: User, token: str
) -> None:
    other = await tokens.issue(session, newcomer, Purpose.VERIFY_EMAIL)
    await session.commit()
    await verify(client, token)

    assert (await verify(client, other)).status_code == 400
    assert (await session.exec(select(AccountToken))).all() == []


async def test_asking_again_brings_a_new_link(
    client: AsyncClient, newcomer: User, mailbox: Mailbox
) -> None:
    await resend(client)

    assert (await verify(client, mailed_token(mailbox))).status_code == 200


async def test_asking_again_answers_the_same_for_everybody(
    client: AsyncClient, session: AsyncSession, newcomer: User, mailbox: Mailbox
) -> None:
    verified = await make_user(session, email="grace@example.com")
    inactive = await make_user(session, email="eve@example.com", verified_at=None, is_active=False)

    emails = [newcomer.email, verified.email, inactive.email, "nobody@example.com"]
    answers = [await resend(client, email) for email in emails]

    assert len(set(answers)) == 1
    assert answers[0][0] == 202
    assert len(mailbox.to(newcomer)) == len(mailbox.to(verified)) == 1
    assert len(mailbox) == 2


async def test_asking_for_a_link_that_is_not_needed_is_answered_by_e_mail(
    user: User, mailbox: Mailbox
) -> None:
    await send_verification_email(user.email)
    assert mailbox.to(user).latest.link("/login")


async def test_nobody_is_welcomed_after_they_have_verified(
    session: AsyncSession, user: User, mailbox: Mailbox
) -> None:
    await send_welcome_email(user.id)

    assert len(mailbox) == 0


async def test_the_job_table_holds_no_token(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    from kit.tasks import Job

    await register(client)

    token = mailed_token(mailbox)
    jobs = (await session.exec(select(Job))).all()
    assert jobs
    assert token not in str([job.model_dump() for job in jobs])


async def test_an_account_that_nobody_verified_is_deleted_after_a_month(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    await register(client, email="squatted@example.com")
    for days, expected in ((29, 2), (31, 1)):
        with time_machine.travel(utcnow() + timedelta(days=days)):
            await delete_expired()
        users = (await session.exec(select(User))).all()
        assert len(users) == expected
    assert users[0].id == user.id


async def test_links_and_sessions_that_expired_are_deleted(
    session: AsyncSession, newcomer: User, token: str
) -> None:
    await sessions.start(session, newcomer, ClientInfo(ip="127.0.0.1", user_agent=""))
    await session.commit()
    await delete_expired()
    assert len((await session.exec(select(AccountToken))).all()) == 1
    assert len((await session.exec(select(LoginSession))).all()) == 1

    with time_machine.travel(utcnow() + timedelta(days=15)):
        await delete_expired()
    assert (await session.exec(select(AccountToken))).all() == []
    assert (await session.exec(select(LoginSession))).all() == []
