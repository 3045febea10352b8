"""Rows that a task leaves to be written when its job is settled: `current_job().on_settle(row)`."""

from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Session, SQLModel

from kit.logging import get_logger

log = get_logger(__name__)


async def insert_rows(connection: AsyncConnection, rows: Sequence[SQLModel]) -> None:
    """Add the rows that tasks left, or those of them that the database takes.

    One that it refuses is dropped: what the task did is done, and its job stays settled.
    """

    def insert(connection: Connection) -> None:
        with Session(connection, join_transaction_mode="create_savepoint") as db:
            db.add_all(rows)
            db.commit()

    try:
        await connection.run_sync(insert)
    except Exception as error:  # a mistake in a task must not hold up its worker's other jobs
        if connection.invalidated:
            raise
        if len(rows) > 1:
            for row in rows:
                await insert_rows(connection, [row])
        else:
            kind = type(getattr(error, "orig", None) or error)  # its text may quote people's data
            log.error("a row of a job was refused", row=type(rows[0]).__name__, error=kind.__name__)
