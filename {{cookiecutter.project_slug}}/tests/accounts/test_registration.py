from datetime import timedelta

import pytest
import time_machine
from httpx2 import AsyncClient
from kit.database import utcnow
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from tests.accounts.fixtures import (
    EMAIL,
    PASSWORD,
    log_in,
    mailed_token,
    make_user,
    register,
    verify,
)


async def all_users(session: AsyncSession) -> list[User]:
    return list((await session.exec(select(User))).all())


async def test_registering_makes_an_account_that_waits_for_verification(
    client: AsyncClient, session: AsyncSession
) -> None:
    answer = await register(client)

    assert answer.status_code == 202
    [user] = await all_users(session)
    assert (user.email, user.full_name) == (EMAIL, "Ada Lovelace")
    assert user.verified_at is None
    assert user.is_active
    assert not user.is_superuser


async def test_the_password_is_stored_as_an_argon2id_hash_only(
    client: AsyncClient, session: AsyncSession
) -> None:
    await register(client)

    [user] = await all_users(session)
    assert user.password_hash.startswith("$argon2id$")
    assert PASSWORD not in str(user.model_dump())
    assert user.password_hash not in repr(user)


async def test_a_new_user_is_welcomed_by_e_mail(client: AsyncClient, mailbox: Mailbox) -> None:
    await register(client)

    assert len(mailbox) == 1
    welcome = mailbox.to(EMAIL).latest
    assert welcome.subject.startswith("Welcome")
    assert "Ada" not in welcome.text + welcome.html, "a name may be an advertisement"


async def test_the_link_in_the_welcome_e_mail_opens_the_way_in(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    await register(client)
    assert (await log_in(client)).status_code == 401

    assert (await verify(client, mailed_token(mailbox))).status_code == 200
    assert (await log_in(client)).status_code == 204


async def test_a_second_registration_of_the_same_address_answers_the_same(
    client: AsyncClient, user: User
) -> None:
    new = await register(client, email="grace@example.com")
    taken = await register(client, email=user.email)

    assert (taken.status_code, taken.json()) == (new.status_code, new.json())


async def test_a_second_registration_changes_nothing(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    await register(client, full_name="Mallory", password="mallory was here today")

    await session.refresh(user)
    assert user.full_name == "Ada Lovelace"
    assert (await log_in(client)).status_code == 204


@pytest.mark.parametrize("spelling", ["ADA@example.com", "ada@EXAMPLE.com", " ada@example.com "])
async def test_an_address_is_taken_in_every_spelling(
    client: AsyncClient, session: AsyncSession, user: User, spelling: str
) -> None:
    assert (await register(client, email=spelling)).status_code == 202
    assert len(await all_users(session)) == 1


async def test_the_owner_is_told_when_the_address_is_registered_again(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    await make_user(session, registration_mailed_at=utcnow() - timedelta(days=1))

    await register(client)

    assert "already have an account" in mailbox.to(EMAIL).latest.subject


async def test_the_owner_is_told_at_most_once_an_hour(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    await make_user(session, registration_mailed_at=utcnow() - timedelta(days=1))
    for _ in range(3):
        await register(client)
    assert len(mailbox) == 1

    with time_machine.travel(utcnow() + timedelta(minutes=61)):
        await register(client)
    assert len(mailbox) == 2


async def test_registering_twice_in_a_row_sends_the_welcome_only(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    await register(client)
    await register(client)

    assert [mail.subject.split()[0] for mail in mailbox] == ["Welcome"]


async def test_registering_again_before_verification_brings_a_new_link(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    await register(client)
    with time_machine.travel(utcnow() + timedelta(hours=2)):
        await register(client)

        assert len(mailbox) == 2
        assert (await verify(client, mailed_token(mailbox))).status_code == 200


async def test_a_weak_password_is_refused_next_to_its_field(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    answer = await register(client, password="Password2026!")

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["password"]
    assert await all_users(session) == []
    assert len(mailbox) == 0


async def test_nobody_becomes_superuser_by_asking(
    client: AsyncClient, session: AsyncSession
) -> None:
    assert (await register(client, is_superuser=True)).status_code == 422
    assert await all_users(session) == []
