"""Rate limits, kept in memory, or in Redis when BROKER_URL is one.

    LOGIN = Limit("login", 10, per=timedelta(minutes=1))

    await check(LOGIN, ip, email)  # raises TooManyAttempts

In memory each process counts for itself, so several processes let through several times as much.

The window slides: what was used comes back gradually, all of it within two windows, and attempts
that are refused do not count. A limit whose key is an account can be used up by others, who then
make its owner wait. So put a lower limit for each client before it, as `accounts/` does.
`RATE_LIMITS=off` turns all limits off.
"""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil
from time import time
from typing import TYPE_CHECKING, ClassVar

from kit.errors import AppError
from kit.logging import get_logger
from kit.settings import settings

if TYPE_CHECKING:  # `limits` takes 0.2 s to import
    from limits import RateLimitItem
    from limits.aio.strategies import SlidingWindowCounterRateLimiter

log = get_logger(__name__)

REDIS_TIMEOUT = 0.5
"""Seconds that a request may lose to a Redis that does not answer."""


class TooManyAttempts(AppError):
    """A limit is used up; `Retry-After` says for how long."""

    status: ClassVar[int] = 429
    title: ClassVar[str] = "Too many attempts"

    def __init__(self, wait: timedelta) -> None:
        seconds = max(1, ceil(wait.total_seconds()))
        super().__init__(
            f"Please try again in {seconds} seconds.", headers={"Retry-After": str(seconds)}
        )


@dataclass(frozen=True)
class Limit:
    """So many times in so much time, counted for each key by itself."""

    name: str
    times: int
    per: timedelta


async def check(limit: Limit, *key: str) -> None:
    """Count one try; raises TooManyAttempts when that was one too many."""
    if not await allows(limit, *key):
        raise TooManyAttempts(await _wait(limit, key))


async def allows(limit: Limit, *key: str) -> bool:
    """Count one try, and say whether it is within the limit."""
    if not settings.rate_limits:
        return True
    try:
        return await _limiter().hit(_item(limit), _hashed(key))
    except Exception as error:
        log.warning("rate limits are counted in memory: Redis is away", error=str(error))
        return await _in_memory().hit(_item(limit), _hashed(key))


async def reset(limit: Limit, *key: str) -> None:
    """Forget what was counted for this key, as after a password was reset."""
    for limiter in {_limiter(), _in_memory()}:
        try:
            await limiter.clear(_item(limit), _hashed(key))
        except Exception as error:
            log.warning("a rate limit was not reset: Redis is away", error=str(error))


def forget() -> None:
    """Start counting anew."""
    _limiter.cache_clear()
    _in_memory.cache_clear()


def network(address: str) -> str:
    """What counts as one client: an IPv4 address, or an IPv6 /64, all of which one host may use."""
    try:
        parsed = ip_address(address)
    except ValueError:  # a unix socket, a test client
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Network((parsed, 64), strict=False))
    return address


async def _wait(limit: Limit, key: tuple[str, ...]) -> timedelta:
    try:
        stats = await _limiter().get_window_stats(_item(limit), _hashed(key))
    except Exception:
        return limit.per
    return timedelta(seconds=stats.reset_time - time())


def _hashed(key: tuple[str, ...]) -> str:
    """Who can read Redis must not learn addresses from it."""
    secret = settings.secret_key.get_secret_value().encode()
    return hmac.digest(secret, "\0".join(key).encode(), "sha256").hex()


def _item(limit: Limit) -> "RateLimitItem":
    from limits import RateLimitItemPerSecond

    return RateLimitItemPerSecond(limit.times, int(limit.per.total_seconds()), limit.name)


@cache
def _limiter() -> "SlidingWindowCounterRateLimiter":
    url = settings.broker_url or ""
    if not url.startswith(("redis://", "rediss://")):
        return _in_memory()
    from limits.aio.storage import RedisStorage
    from limits.aio.strategies import SlidingWindowCounterRateLimiter

    storage = RedisStorage(
        f"async+{url}",
        implementation="redispy",
        socket_timeout=REDIS_TIMEOUT,
        socket_connect_timeout=REDIS_TIMEOUT,
    )
    return SlidingWindowCounterRateLimiter(storage)


@cache
def _in_memory() -> "SlidingWindowCounterRateLimiter":
    from limits.aio.storage import MemoryStorage
    from limits.aio.strategies import SlidingWindowCounterRateLimiter

    return SlidingWindowCounterRateLimiter(MemoryStorage())
