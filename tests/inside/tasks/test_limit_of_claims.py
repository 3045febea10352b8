"""A claim takes no more jobs than it asks for, whatever plan the database chooses."""

from datetime import timedelta

import pytest
from kit.database import engine
from kit.tasks import sql
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.tasks import jobs

MINUTE = timedelta(minutes=1)


@pytest.fixture
def plans() -> list[str]:
    """What makes PostgreSQL look for the due jobs again for each job of the table."""
    if engine.dialect.name != "postgresql":
        return []
    ways = ("hashagg", "hashjoin", "material", "memoize", "mergejoin", "seqscan", "sort")
    return [f"SET LOCAL enable_{way} = off" for way in ways]


async def test_a_claim_takes_no_more_than_its_limit(
    session: AsyncSession, plans: list[str]
) -> None:
    ids = [(await jobs.tick.enqueue(session)).id for _ in range(5)]
    await session.commit()
    async with engine.begin() as connection:
        for plan in plans:
            await connection.execute(text(plan))
        claimed = await sql.claim(connection, "me", 2, lease=MINUTE)
        known = await sql.claim(connection, "me", 2, lease=MINUTE, ids=ids)
        others = await sql.claim(connection, "me", 1, lease=MINUTE, but=ids[:1])
    assert [len(claimed), len(known), len(others)] == [2, 2, 1]
