"""The clock for leases: the database's, because no two machines have the same time.

With two clocks, a running job of a machine that is behind would look like a dead worker's to one
that is ahead. SQLite runs on one machine, with the application's clock.

Whether a job is due is decided by each worker's clock: a wrong one runs it too early or too late.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, DateTime, Interval, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from kit.database import engine, utcnow

SHARED = engine.dialect.name == "postgresql"
"""Whether there is a clock besides this machine's."""

TIME = func.statement_timestamp(type_=DateTime(timezone=True))
LEASE_END: ColumnElement[datetime] = (
    TIME + bindparam("b_lease", type_=Interval()) if SHARED else bindparam("b_lease")
)
"""For the statement that makes or renews leases; `lease_parameter` says what to bind."""


def lease_parameter(lease: timedelta) -> timedelta | datetime:
    """The value of `b_lease` for leases of this length."""
    return lease if SHARED else utcnow() + lease


async def now(connection: AsyncConnection) -> datetime:
    """The time that ends of leases are compared with."""
    if SHARED:
        time: datetime = (await connection.execute(select(TIME))).scalar_one()
        return time
    return utcnow()
