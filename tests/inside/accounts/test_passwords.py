import asyncio
import time

from kit.passwords import hash_password, verify_password
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from tests.accounts.fixtures import PASSWORD


async def test_a_password_fits_its_own_hash_only() -> None:
    password_hash = await hash_password(PASSWORD)

    assert await verify_password(PASSWORD, password_hash) == (True, None)
    assert await verify_password(PASSWORD + "!", password_hash) == (False, None)


async def test_no_two_hashes_are_alike() -> None:
    assert await hash_password(PASSWORD) != await hash_password(PASSWORD)


async def test_without_a_hash_no_password_fits() -> None:
    assert await verify_password(PASSWORD, None) == (False, None)


async def test_two_ways_to_type_an_accent_are_one_password() -> None:
    password_hash = await hash_password("un caf\u00e9 cr\u00e8me")

    assert (await verify_password("un cafe\u0301 cre\u0300me", password_hash))[0]


async def test_a_hash_of_other_parameters_fits_and_brings_a_new_one() -> None:
    old = PasswordHash([Argon2Hasher(memory_cost=16, time_cost=2, parallelism=1)]).hash(PASSWORD)

    fits, new = await verify_password(PASSWORD, old)

    assert fits
    assert new
    assert new != old
    assert await verify_password(PASSWORD, new) == (True, None)


async def test_what_is_no_hash_of_ours_fits_nothing() -> None:
    assert await verify_password(PASSWORD, "!") == (False, None)


async def test_the_event_loop_goes_on_while_a_password_is_hashed() -> None:
    slow = PasswordHash([Argon2Hasher(memory_cost=64 * 1024, time_cost=3, parallelism=1)])
    password_hash = slow.hash(PASSWORD)
    longest, before = 0.0, time.perf_counter()

    verifying = asyncio.create_task(verify_password(PASSWORD, password_hash))
    started = time.perf_counter()
    while not verifying.done():
        await asyncio.sleep(0.001)
        longest, before = max(longest, time.perf_counter() - before), time.perf_counter()

    assert longest < (time.perf_counter() - started) / 2
