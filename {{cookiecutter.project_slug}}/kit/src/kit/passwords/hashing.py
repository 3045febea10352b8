"""Hashing passwords with argon2id, off the event loop."""

import asyncio
import os
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from secrets import token_urlsafe
from typing import TYPE_CHECKING, ClassVar, TypeVar
from weakref import WeakKeyDictionary

from starlette.requests import ClientDisconnect

from kit.clients import client_is_gone
from kit.errors import AppError
from kit.settings import settings

if TYPE_CHECKING:
    from pwdlib import PasswordHash

T = TypeVar("T")

# argon2 lets go of the GIL, so threads use every core; more of them than cores would only take
# more memory (19 MiB each). A pool of its own: a rush of sign-ins leaves other threads alone.
_pool = ThreadPoolExecutor(
    max_workers=os.cpu_count(), thread_name_prefix="argon2", initializer=lambda: _give_way()
)


MOST_WAITING = 100 * (os.cpu_count() or 1)
"""Hashes that wait for a thread, in one process: about three seconds' worth."""


@dataclass
class _Turns:
    """The requests of one event loop that want to hash."""

    slots: asyncio.Semaphore
    waiting: int = 0


_turns_of: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


class Busy(AppError):
    """So many passwords wait to be hashed that another would wait for too long."""

    status: ClassVar[int] = 503
    title: ClassVar[str] = "Too many sign-ins at once"

    def __init__(self) -> None:
        super().__init__("Please try again in a few seconds.", headers={"Retry-After": "5"})


def _turns() -> _Turns:
    """As many slots as the pool has threads."""
    slots = asyncio.Semaphore(os.cpu_count() or 1)
    return _turns_of.setdefault(asyncio.get_running_loop(), _Turns(slots))


def _give_way() -> None:
    """Let the event loop go first while all cores hash (on Linux threads have a niceness)."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


async def hash_password(password: str) -> str:
    """The argon2id hash of a password, salted, with its parameters, in PHC string format."""
    return await _off_the_loop(lambda: _argon2().hash(_normalised(password)))


async def verify_password(password: str, password_hash: str | None) -> tuple[bool, str | None]:
    """Whether the password fits, and a new hash if the old one's parameters are outdated.

    Without a hash, for an unknown address, it takes as long and fails, so that the time of the
    answer does not tell which addresses have an account.
    """

    def verify() -> tuple[bool, str | None]:
        from pwdlib.exceptions import UnknownHashError

        try:
            return _argon2().verify_and_update(_normalised(password), password_hash or _unknown())
        except UnknownHashError:  # an account that was imported, or made without a password
            return False, None

    return await _off_the_loop(verify)


@cache
def _argon2() -> "PasswordHash":
    """OWASP's Password Storage Cheat Sheet: argon2id with 19 MiB, 2 passes, 1 lane.

    Raise them when your hardware allows: a password is rehashed at its next use.
    """
    from pwdlib import PasswordHash  # a tenth of a second that no command but these needs
    from pwdlib.hashers.argon2 import Argon2Hasher

    if settings.environment == "test":  # which needs no strength
        return PasswordHash([Argon2Hasher(memory_cost=8, time_cost=1, parallelism=1)])
    return PasswordHash([Argon2Hasher(memory_cost=19 * 1024, time_cost=2, parallelism=1)])


def _normalised(password: str) -> str:
    """One spelling for what looks the same on two keyboards (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


@cache
def _unknown() -> str:
    return _argon2().hash(token_urlsafe())


async def _off_the_loop(work: Callable[[], T]) -> T:
    """Run `work` in a thread of the pool, in its turn; raises Busy or ClientDisconnect.

    Requests wait here rather than in the pool's queue, so that those whose clients have left can be
    skipped. Nine hundred of them once made the next sign-in wait for 13 seconds.
    """
    turns = _turns()
    if turns.waiting >= MOST_WAITING:
        raise Busy
    turns.waiting += 1
    try:
        await turns.slots.acquire()
    finally:
        turns.waiting -= 1
    try:
        if await client_is_gone():
            raise ClientDisconnect
        return await asyncio.get_running_loop().run_in_executor(_pool, work)
    finally:
        turns.slots.release()
