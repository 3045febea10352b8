"""The clock that leases go by: the database's, for no two machines have the same time.

By two clocks, a job that runs where one is behind would look like that of a dead worker where
the other is ahead. SQLite has one machine, whose clock is the application's.

Whether a job is due is told by each worker's own clock: a wrong one runs it too early or late.
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
