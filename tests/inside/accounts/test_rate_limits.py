from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from httpx2 import AsyncClient
from kit import ratelimit
from kit.ratelimit import Limit, TooManyAttempts, allows, check, network
from kit.settings import settings
from kit.testing import Mailbox

from app.accounts import limits
from app.accounts.models import User
from tests.accounts.fixtures import EMAIL, forget_password, log_in, register

TWICE_A_MINUTE = Limit("test", 2, per=timedelta(minutes=1))


@pytest.fixture(autouse=True)
def rate_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Limits that are on, and remember nothing of the last test."""
    monkeypatch.setattr(settings, "rate_limits", True)
    ratelimit.forget()
    yield
    ratelimit.forget()


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Time that stands still, so that no minute ends within a test."""
    with time_machine.travel(datetime(2026, 11, 21, 12, 0, 1, tzinfo=UTC), tick=False) as clock:
        yield clock


async def test_one_too_many_is_refused() -> None:
    await check(TWICE_A_MINUTE, "ada")
    await check(TWICE_A_MINUTE, "ada")

    with pytest.raises(TooManyAttempts):
        await check(TWICE_A_MINUTE, "ada")


async def test_each_key_and_each_limit_counts_for_itself() -> None:
    assert [await allows(TWICE_A_MINUTE, "ada") for _ in range(3)] == [True, True, False]

    assert await allows(TWICE_A_MINUTE, "grace")
    assert await allows(Limit("other", 2, per=timedelta(minutes=1)), "ada")


async def test_a_limit_is_as_good_as_new_after_its_time(clock: time_machine.Traveller) -> None:
    for _ in range(10):
        await allows(TWICE_A_MINUTE, "ada")
    clock.shift(timedelta(minutes=2))

    assert await allows(TWICE_A_MINUTE, "ada")


async def test_limits_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "rate_limits", False)

    for _ in range(10):
        await check(TWICE_A_MINUTE, "ada")


async def test_an_ipv6_network_counts_as_one_client() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1")
    assert network("2001:db8::1") != network("2001:db8:0:1::1")
    assert network("192.0.2.1") != network("192.0.2.2")
    assert network("::ffff:192.0.2.1") == "192.0.2.1"
    assert network("testclient") == "testclient"


async def test_without_redis_limits_are_counted_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "broker_url", "redis://127.0.0.1:1")

    assert [await allows(TWICE_A_MINUTE, "ada") for _ in range(3)] == [True, True, False]


async def test_guessing_a_password_is_slowed_down(client: AsyncClient, user: User) -> None:
    answers = [await log_in(client, password=f"wrong guess {n:02}") for n in range(11)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].headers["content-type"] == "application/problem+json"


async def test_slowed_down_even_the_right_password_has_to_wait_and_then_works(
    client: AsyncClient, user: User, clock: time_machine.Traveller
) -> None:
    for n in range(10):
        await log_in(client, password=f"wrong guess {n:02}")
    assert (await log_in(client)).status_code == 429

    clock.shift(timedelta(minutes=2))
    assert (await log_in(client)).status_code == 204


async def test_guesses_at_one_account_leave_the_others_alone(
    client: AsyncClient, user: User
) -> None:
    for _ in range(11):
        await log_in(client, "grace@example.com")

    assert (await log_in(client)).status_code == 204


async def test_one_client_cannot_register_without_end(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = [(await register(client, password="short")).status_code for _ in range(3)]
    assert codes == [422] * 3

    monkeypatch.setattr(limits, "REGISTRATIONS_FROM_ONE_CLIENT", TWICE_A_MINUTE)
    codes = [(await register(client)).status_code for _ in range(3)]
    assert codes == [202, 202, 429]


async def test_a_mailbox_is_spared_without_a_word(client: AsyncClient, mailbox: Mailbox) -> None:
    await register(client)
    mailbox.clear()

    answers = [
        await client.post("/api/v1/auth/resend-verification", json={"email": EMAIL})
        for _ in range(8)
    ]

    assert {answer.status_code for answer in answers} == {202}
    assert len(mailbox) == 5


async def test_one_client_uses_up_less_than_a_third_of_what_an_account_allows(
    client: AsyncClient, user: User, clock: time_machine.Traveller
) -> None:
    codes = []
    for _ in range(12):
        codes += [(await log_in(client, password="wrong guess")).status_code for _ in range(5)]
        clock.shift(timedelta(minutes=2))

    assert codes.count(401) == 30
    left = [await allows(limits.SIGN_INS_TO_ONE_ACCOUNT, EMAIL) for _ in range(100)]
    assert left.count(True) == 70


async def test_one_client_cannot_try_a_password_on_every_account(
    client: AsyncClient, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SIGN_INS_FROM_ONE_CLIENT", TWICE_A_MINUTE)

    emails = [f"user{n}@example.com" for n in range(3)]
    codes = [(await log_in(client, email)).status_code for email in emails]

    assert codes == [401, 401, 429]


async def test_a_mailbox_is_spared_links_to_reset_a_password_too(
    client: AsyncClient, user: User, mailbox: Mailbox
) -> None:
    answers = [await forget_password(client) for _ in range(8)]

    assert {answer.status_code for answer in answers} == {202}
    assert len(mailbox) == 5


async def test_one_client_cannot_ask_for_links_without_end(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EMAIL_REQUESTS_FROM_ONE_CLIENT", TWICE_A_MINUTE)

    emails = [f"user{n}@example.com" for n in range(3)]
    codes = [(await forget_password(client, email)).status_code for email in emails]

    assert codes == [202, 202, 429]
