"""Two people register one address: neither's password counts, until the mailbox has spoken."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from argon2 import PasswordHasher
from httpx2 import AsyncClient
from kit.database import utcnow
from kit.passwords.hashing import verify_password
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from app.accounts.tasks import send_welcome_email
from tests.accounts.fixtures import (
    EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    forget_password,
    log_in,
    mailed_token,
    make_user,
    register,
    reset_password,
    verify,
)

STRANGERS = "mallory was here today"
CHOOSE_PASSWORD = "Confirm your e-mail address and choose a password"
OUTDATED = PasswordHasher(memory_cost=16, time_cost=1, parallelism=1).hash(PASSWORD)
"""A hash that signing in would renew, which would cost twice."""


async def contest(client: AsyncClient) -> None:
    """A stranger registers the address first, then its owner."""
    await register(client, password=STRANGERS, full_name="Mallory")
    await register(client, password=PASSWORD)


async def assert_neither_password_works(client: AsyncClient) -> None:
    codes = [(await log_in(client, password=each)).status_code for each in (STRANGERS, PASSWORD)]
    assert codes == [401, 401]


async def test_neither_password_works_even_when_the_strangers_link_is_followed(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    await register(client, password=STRANGERS)
    link = mailed_token(mailbox)
    await register(client, password=PASSWORD)

    assert (await verify(client, link)).status_code == 200
    await assert_neither_password_works(client)
    user = (await session.exec(select(User))).one()
    assert user.password_hash == ""


async def test_the_owner_chooses_the_password_by_the_mailed_link(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    await contest(client)
    assert mailbox.to(EMAIL).latest.subject == CHOOSE_PASSWORD

    await reset_password(client, mailed_token(mailbox, page="/reset-password"))

    await assert_neither_password_works(client)
    assert (await log_in(client, password=NEW_PASSWORD)).status_code == 204


async def test_nothing_of_the_stranger_remains(client: AsyncClient, session: AsyncSession) -> None:
    await contest(client)

    user = (await session.exec(select(User))).one()
    assert user.full_name == ""


async def test_the_answer_does_not_tell(client: AsyncClient) -> None:
    answers = [await register(client, password=each) for each in (STRANGERS, PASSWORD, STRANGERS)]

    assert len({(answer.status_code, answer.text) for answer in answers}) == 1


async def test_the_owner_is_written_to_at_once_and_then_at_most_once_an_hour(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    await contest(client)
    for n in range(3):
        await register(client, password=f"{STRANGERS} {n}")
    assert len(mailbox) == 2

    with time_machine.travel(utcnow() + timedelta(minutes=61)):
        await register(client)
        assert len(mailbox) == 3
        token = mailed_token(mailbox, page="/reset-password")
        assert (await reset_password(client, token)).status_code == 200


async def test_whoever_repeats_their_own_password_contests_nothing(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    await register(client)
    await register(client)

    await verify(client, mailed_token(mailbox))
    assert (await log_in(client)).status_code == 204


async def test_a_verified_account_is_not_contested(
    client: AsyncClient, user: User, mailbox: Mailbox
) -> None:
    await register(client, password=STRANGERS)

    assert (await log_in(client)).status_code == 204


async def test_of_two_at_the_same_moment_neither_password_works(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    await asyncio.gather(*(register(client, password=each) for each in (STRANGERS, PASSWORD) * 5))

    assert [mail.subject for mail in mailbox].count(CHOOSE_PASSWORD) == 1
    (await session.exec(select(User))).one().verified_at = utcnow()
    await session.commit()
    await assert_neither_password_works(client)


async def test_every_link_that_is_asked_for_lets_the_owner_choose(
    client: AsyncClient, mailbox: Mailbox
) -> None:
    await contest(client)
    await client.post("/api/v1/auth/resend-verification", json={"email": EMAIL})
    assert mailed_token(mailbox, page="/reset-password")

    await forget_password(client)
    token = mailed_token(mailbox, page="/reset-password")
    assert (await reset_password(client, token)).status_code == 200


async def test_a_late_welcome_does_not_promise_that_the_password_works(
    client: AsyncClient, session: AsyncSession, mailbox: Mailbox
) -> None:
    await contest(client)
    mailbox.clear()

    await send_welcome_email((await session.exec(select(User))).one().id)

    assert len(mailbox) == 0


@pytest.mark.parametrize(
    "known",
    [
        pytest.param({}, id="verified"),
        pytest.param({"password_hash": OUTDATED}, id="verified long ago"),
        pytest.param({"verified_at": None}, id="waiting"),
        pytest.param({"verified_at": None, "password_hash": ""}, id="contested"),
        pytest.param(None, id="nobody"),
    ],
)
@pytest.mark.parametrize("password", [PASSWORD, STRANGERS])
async def test_every_registration_costs_argon2_once(
    client: AsyncClient,
    session: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
    known: dict[str, object] | None,
    password: str,
) -> None:
    await verify_password(password, None)  # the hash to compare with is made once
    if known is not None:
        await make_user(session, **known)
    count = count_argon2(monkeypatch)

    await register(client, password=password)

    assert len(count) == 1


async def test_signing_in_to_a_contested_account_costs_argon2_as_ever(
    client: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await verify_password(PASSWORD, None)
    await make_user(session, password_hash="")
    count = count_argon2(monkeypatch)

    assert (await log_in(client)).status_code == 401

    assert len(count) == 1


def count_argon2(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows by one for each hash that argon2 computes."""
    count: list[None] = []

    def counted(compute: Callable[..., Any]) -> Callable[..., Any]:
        def compute_and_count(*args: Any, **options: Any) -> Any:
            count.append(None)
            return compute(*args, **options)

        return compute_and_count

    monkeypatch.setattr(PasswordHasher, "hash", counted(PasswordHasher.hash))
    monkeypatch.setattr(PasswordHasher, "verify", counted(PasswordHasher.verify))
    return count
