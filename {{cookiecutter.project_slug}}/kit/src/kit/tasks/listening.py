"""LISTEN and NOTIFY: on PostgreSQL, a worker hears at once what other processes committed."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from kit.database import engine
from kit.logging import get_logger

log = get_logger(__name__)

POSSIBLE = engine.dialect.name == "postgresql"
NOTIFY = text("SELECT pg_notify('jobs', '')")
"""Part of the transaction that adds jobs: PostgreSQL delivers it at COMMIT, or never."""
RECONNECT = timedelta(seconds=5)


async def listen(heard: Callable[[], None]) -> None:
    """Call `heard` when there may be new jobs, until cancelled.

    An optimization: while the connection is gone, the worker looks once a second.
    """
    while POSSIBLE:
        try:
            await _listen(heard)
        except Exception as error:  # whatever it is, the worker can do without
            log.warning("not listening for jobs; trying again", error=type(error).__name__)
        await asyncio.sleep(RECONNECT.total_seconds())


async def _listen(heard: Callable[[], None]) -> None:
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection  # psycopg's
        try:
            await driver.set_autocommit(True)
            await driver.execute("LISTEN jobs")
            heard()  # of what was committed before
            async for _ in driver.notifies():
                heard()
        finally:
            await connection.invalidate()  # the pool must not reuse a connection that listens
