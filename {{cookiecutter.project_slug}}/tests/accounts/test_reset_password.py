from datetime import timedelta

import pytest
import time_machine
from httpx2 import AsyncClient
from kit.database import utcnow
from kit.tasks import Job
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import tokens
from app.accounts.models import AccountToken, LoginSession, User
from app.accounts.tokens import LIFETIMES, Purpose
from tests.accounts.fixtures import (
    NEW_PASSWORD,
    PASSWORD,
    forget_password,
    get_bearer,
    log_in,
    mailed_token,
    make_user,
    reset_password,
    verify,
)


@pytest.fixture
async def token(session: AsyncSession, user: User) -> str:
    token = await tokens.issue(session, user, Purpose.RESET_PASSWORD)
    await session.commit()
    return token


async def test_the_mailed_link_sets_a_new_password(
    client: AsyncClient, user: User, mailbox: Mailbox
) -> None:
    await forget_password(client)
    answer = await reset_password(client, mailed_token(mailbox, page="/reset-password"))

    assert answer.status_code == 200
    assert (await log_in(client, password=PASSWORD)).status_code == 401
    assert (await log_in(client, password=NEW_PASSWORD)).status_code == 204


async def test_asking_answers_the_same_for_everybody(
    client: AsyncClient, session: AsyncSession, user: User, mailbox: Mailbox
) -> None:
    await make_user(session, email="gone@example.com", is_active=False)

    answers = [
        await forget_password(client, email)
        for email in (user.email, "gone@example.com", "nobody@example.com")
    ]

    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    assert len(mailbox) == len(mailbox.to(user)) == 1
    assert len((await session.exec(select(Job))).all()) == 3  # the same work for each


async def test_the_job_table_holds_no_token(
    client: AsyncClient, session: AsyncSession, user: User, mailbox: Mailbox
) -> None:
    await forget_password(client)

    token = mailed_token(mailbox, page="/reset-password")
    jobs = (await session.exec(select(Job))).all()
    assert token not in str([job.model_dump() for job in jobs])


async def test_a_token_works_once(client: AsyncClient, token: str) -> None:
    await reset_password(client, token)

    assert (await reset_password(client, token, PASSWORD)).status_code == 400
    assert (await log_in(client, password=NEW_PASSWORD)).status_code == 204


@pytest.mark.parametrize(("minutes", "status"), [(-1, 200), (1, 400)])
async def test_a_token_works_until_it_expires(
    client: AsyncClient, token: str, minutes: int, status: int
) -> None:
    end = utcnow() + LIFETIMES[Purpose.RESET_PASSWORD]
    with time_machine.travel(end + timedelta(minutes=minutes)):
        assert (await reset_password(client, token)).status_code == status


async def test_the_links_to_verify_and_to_reset_do_not_stand_in_for_each_other(
    client: AsyncClient, session: AsyncSession, user: User, token: str
) -> None:
    to_verify = await tokens.issue(session, user, Purpose.VERIFY_EMAIL)
    await session.commit()

    assert (await reset_password(client, to_verify)).status_code == 400
    assert (await verify(client, token)).status_code == 400


async def test_a_closed_account_stays_closed(
    client: AsyncClient, session: AsyncSession, user: User, token: str
) -> None:
    user.is_active = False
    await session.commit()

    assert (await reset_password(client, token)).status_code == 400


@pytest.mark.parametrize("weak", ["Password2026!", "ada lovelace 1815"])
async def test_a_weak_password_is_refused_and_leaves_the_link_good(
    client: AsyncClient, token: str, weak: str
) -> None:
    answer = await reset_password(client, token, weak)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["password"]
    assert (await reset_password(client, token)).status_code == 200


async def test_every_session_ends(
    client: AsyncClient, session: AsyncSession, user: User, token: str
) -> None:
    await log_in(client)
    await get_bearer(client)

    await reset_password(client, token)

    assert (await session.exec(select(LoginSession))).all() == []


async def test_every_other_link_ends_but_nobody_elses(
    client: AsyncClient, session: AsyncSession, user: User, token: str
) -> None:
    other = await make_user(session, email="grace@example.com")
    for who in (user, other):
        for purpose in Purpose:
            await tokens.issue(session, who, purpose)
    await session.commit()

    await reset_password(client, token)

    left = (await session.exec(select(AccountToken))).all()
    assert [link.user_id for link in left] == [other.id] * len(Purpose)


async def test_the_mailbox_has_been_proven_as_well(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    newcomer = await make_user(session, verified_at=None)

    await forget_password(client)
    await reset_password(client, mailed_token(mailbox, page="/reset-password"))

    await session.refresh(newcomer)
    assert newcomer.verified_at
    assert (await log_in(client, password=NEW_PASSWORD)).status_code == 204
