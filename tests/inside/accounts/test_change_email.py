import asyncio

import pytest
from httpx2 import AsyncClient
from kit import ratelimit
from kit.settings import settings
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import tokens
from app.accounts.models import User
from app.accounts.tasks import send_email_change_link, send_email_change_notice
from app.accounts.tokens import Purpose
from tests.accounts.fixtures import (
    NEW_EMAIL,
    change_email,
    confirm_email,
    log_in,
    mailed_token,
    make_user,
    register,
    reset_password,
    verify,
)

PAGE = "/confirm-email"


@pytest.fixture(autouse=True)
async def signed_in(client: AsyncClient, user: User) -> None:
    await log_in(client)


async def test_of_two_who_confirm_one_address_at_the_same_moment_one_gets_it(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    links = []
    for n in range(5):
        rival = await make_user(session, email=f"rival{n}@example.com", pending_email=NEW_EMAIL)
        links.append(await tokens.issue(session, rival, Purpose.CHANGE_EMAIL, sent_to=NEW_EMAIL))
    await session.commit()

    answers = await asyncio.gather(*(confirm_email(client, link) for link in links))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 4
    assert len((await session.exec(select(User).where(User.email == NEW_EMAIL))).all()) == 1


async def test_whoever_registers_the_address_at_the_same_moment_harms_nobody(
    client: AsyncClient, session: AsyncSession, user: User, mailbox: Mailbox
) -> None:
    await change_email(client)
    token = mailed_token(mailbox, NEW_EMAIL, PAGE)

    registered, confirmed = await asyncio.gather(
        register(client, email=NEW_EMAIL), confirm_email(client, token)
    )

    assert registered.status_code == 202
    assert confirmed.status_code in (200, 409)
    assert len((await session.exec(select(User).where(User.email == NEW_EMAIL))).all()) == 1


@pytest.mark.parametrize("foreign", ["nonsense", "e\u0301", "A" * 43])
async def test_a_foreign_token_is_refused(client: AsyncClient, foreign: str) -> None:
    await change_email(client)

    assert (await confirm_email(client, foreign)).status_code == 400


async def test_no_link_stands_in_for_one_of_another_purpose(
    client: AsyncClient, session: AsyncSession, user: User, mailbox: Mailbox
) -> None:
    await change_email(client)
    token = mailed_token(mailbox, NEW_EMAIL, PAGE)

    assert (await verify(client, token)).status_code == 400
    assert (await reset_password(client, token)).status_code == 400
    for purpose in (Purpose.VERIFY_EMAIL, Purpose.RESET_PASSWORD):
        other = await tokens.issue(session, user, purpose, sent_to=NEW_EMAIL)
        await session.commit()
        assert (await confirm_email(client, other)).status_code == 400


async def test_a_late_job_of_a_change_that_was_called_off_writes_to_nobody(
    user: User, mailbox: Mailbox
) -> None:
    await send_email_change_link(user.id)
    await send_email_change_notice(user.id)

    assert len(mailbox) == 0


async def test_one_account_can_not_have_strangers_written_to_without_end(
    client: AsyncClient, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "rate_limits", True)
    ratelimit.forget()

    codes = [(await change_email(client, f"user{n}@example.com")).status_code for n in range(6)]

    assert codes == [202] * 5 + [429]
    assert len(mailbox.to("user4@example.com")) == 1
    assert len(mailbox.to("user5@example.com")) == 0
    ratelimit.forget()


async def test_a_strangers_mailbox_is_spared_without_a_word(
    client: AsyncClient,
    session: AsyncSession,
    user: User,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "rate_limits", True)
    ratelimit.forget()
    answers = [await change_email(client) for _ in range(5)]
    await make_user(session, email="grace@example.com")
    await log_in(client, "grace@example.com")

    answers.append(await change_email(client))

    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    assert len(mailbox.to(NEW_EMAIL)) == 5
    ratelimit.forget()
