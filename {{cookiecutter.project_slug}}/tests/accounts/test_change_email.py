import asyncio
from datetime import timedelta

import pytest
import time_machine
from httpx2 import AsyncClient
from kit.database import utcnow
from kit.tasks import Job
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.cleanup_tasks import delete_expired
from app.accounts.models import AccountToken, User
from app.accounts.tokens import LIFETIMES, Purpose
from tests.accounts.fixtures import (
    EMAIL,
    NEW_EMAIL,
    change_email,
    confirm_email,
    forget_password,
    log_in,
    mailed_token,
    make_user,
    reset_password,
)

ME = "/api/v1/users/me"
PAGE = "/confirm-email"


@pytest.fixture(autouse=True)
async def signed_in(client: AsyncClient, user: User) -> None:
    await log_in(client)


async def test_the_link_in_the_new_mailbox_changes_the_address(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    assert (await change_email(client)).status_code == 202

    answer = await confirm_email(client, mailed_token(mailbox, NEW_EMAIL, PAGE))

    assert answer.status_code == 200
    assert NEW_EMAIL in answer.json()["detail"]
    assert (await log_in(client, EMAIL)).status_code == 401
    assert (await log_in(client, NEW_EMAIL)).status_code == 204


async def test_until_then_nothing_changes(client: AsyncClient) -> None:
    await change_email(client)

    account = (await client.get(ME)).json()
    assert (account["email"], account["pending_email"]) == (EMAIL, NEW_EMAIL)
    assert (await log_in(client, NEW_EMAIL)).status_code == 401
    assert (await log_in(client, EMAIL)).status_code == 204


async def test_the_old_mailbox_is_told_at_once_and_how_to_stop_it(
    client: AsyncClient, session: AsyncSession, user: User, mailbox: Mailbox
) -> None:
    await change_email(client)

    notice = mailbox.to(EMAIL).latest
    assert "about to change" in notice.subject
    assert notice.link("/forgot-password")
    assert NEW_EMAIL not in notice.text
    link = mailed_token(mailbox, NEW_EMAIL, PAGE)
    await forget_password(client)
    await reset_password(client, mailed_token(mailbox, EMAIL, "/reset-password"))
    assert (await confirm_email(client, link)).status_code == 400
    await session.refresh(user)
    assert (user.email, user.pending_email) == (EMAIL, None)


async def test_both_mailboxes_are_told_when_it_is_done(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    await change_email(client)
    await confirm_email(client, mailed_token(mailbox, NEW_EMAIL, PAGE))

    assert mailbox.to(NEW_EMAIL).latest.subject == "Your e-mail address was changed"
    farewell = mailbox.to(EMAIL).latest
    assert farewell.subject == "Your account has moved to another e-mail address"
    assert NEW_EMAIL not in farewell.text


async def test_who_is_signed_in_stays_so(client: AsyncClient, mailbox: Mailbox) -> None:
    await change_email(client)
    await confirm_email(client, mailed_token(mailbox, NEW_EMAIL, PAGE))

    assert (await client.get(ME)).json()["email"] == NEW_EMAIL


async def test_a_taken_address_is_answered_like_any_other_with_the_same_work(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    await make_user(session, email="grace@example.com")
    await make_user(session, email="eve@example.com", is_active=False)

    answers = []
    for email in ("nobody@example.com", "grace@example.com", "eve@example.com"):
        answers.append(await change_email(client, email))
        mails = len(mailbox.to(email))
        assert mails == (0 if email.startswith("eve") else 1)

    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    jobs = (await session.exec(select(Job))).all()
    assert len(jobs) == 2 * len(answers)
    assert {job.status for job in jobs} == {"successful"}


async def test_the_owner_of_a_taken_address_is_told(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    await make_user(session, email="grace@example.com")

    await change_email(client, "grace@example.com")

    [mail] = mailbox.to("grace@example.com")
    assert "already have an account" in mail.subject
    assert "confirm-email" not in mail.text
    assert (await session.exec(select(AccountToken))).all() == []


async def test_an_address_that_was_taken_meanwhile_is_refused(
    client: AsyncClient, session: AsyncSession, user: User, mailbox: Mailbox
) -> None:
    await change_email(client)
    token = mailed_token(mailbox, NEW_EMAIL, PAGE)
    await make_user(session, email=NEW_EMAIL)

    answer = await confirm_email(client, token)

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    await session.refresh(user)
    assert user.email == EMAIL


async def test_a_token_works_once(client: AsyncClient, mailbox: Mailbox) -> None:
    await change_email(client)
    token = mailed_token(mailbox, NEW_EMAIL, PAGE)
    answers = await asyncio.gather(*(confirm_email(client, token) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9


@pytest.mark.parametrize(("minutes", "status"), [(-1, 200), (1, 400)])
async def test_a_token_works_until_it_expires(
    client: AsyncClient, mailbox: Mailbox, minutes: int, status: int
) -> None:
    await change_email(client)
    token = mailed_token(mailbox, NEW_EMAIL, PAGE)
    end = utcnow() + LIFETIMES[Purpose.CHANGE_EMAIL]

    with time_machine.travel(end + timedelta(minutes=minutes)):
        assert (await confirm_email(client, token)).status_code == status


async def test_a_later_request_ends_the_link_of_an_earlier_one(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    await change_email(client, "mistyped@example.com")
    await change_email(client)

    mistyped = mailed_token(mailbox, "mistyped@example.com", PAGE)
    assert (await confirm_email(client, mistyped)).status_code == 400
    assert (await client.get(ME)).json()["email"] == EMAIL


async def test_links_to_the_old_mailbox_end(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    await forget_password(client)
    to_reset = mailed_token(mailbox, EMAIL, "/reset-password")
    await change_email(client)
    await confirm_email(client, mailed_token(mailbox, NEW_EMAIL, PAGE))

    assert (await reset_password(client, to_reset)).status_code == 400
    assert (await session.exec(select(AccountToken))).all() == []


async def test_a_closed_account_keeps_its_address(
    client: AsyncClient, session: AsyncSession, user: User, mailbox: Mailbox
) -> None:
    await change_email(client)
    user.is_active = False
    session.add(user)
    await session.commit()

    answer = await confirm_email(client, mailed_token(mailbox, NEW_EMAIL, PAGE))

    assert answer.status_code == 400


async def test_the_job_table_holds_neither_the_token_nor_the_new_address(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    await change_email(client)
    token = mailed_token(mailbox, NEW_EMAIL, PAGE)
    await confirm_email(client, token)

    jobs = str([job.model_dump() for job in (await session.exec(select(Job))).all()])
    assert token not in jobs
    assert NEW_EMAIL not in jobs


async def test_a_wrong_password_is_refused_next_to_its_field(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    answer = await change_email(client, password="mallory was here today")

    assert answer.status_code == 403
    assert [error["field"] for error in answer.json()["errors"]] == ["current_password"]
    assert len(mailbox) == 0


@pytest.mark.parametrize("spelling", [EMAIL, "ADA@Example.com", f" {EMAIL} "])
async def test_the_address_that_one_has_is_refused(
    client: AsyncClient, mailbox: Mailbox, spelling: str
) -> None:
    answer = await change_email(client, spelling)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["email"]
    assert len(mailbox) == 0


async def test_nobody_can_do_it_without_a_session(client: AsyncClient) -> None:
    client.cookies.clear()

    assert (await change_email(client)).status_code == 401


async def test_an_address_that_nobody_confirmed_is_forgotten_after_a_week(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    await change_email(client)
    for days, expected in ((6, NEW_EMAIL), (8, None)):
        with time_machine.travel(utcnow() + timedelta(days=days)):
            await delete_expired()
        await session.refresh(user)
        assert user.pending_email == expected
