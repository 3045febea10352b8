import asyncio
import gc

from sqlalchemy import event

from app.database import engine
from app.tasks.connection import KeptConnection


async def test_a_connection_is_closed_whose_user_is_cancelled_at_its_first_statement() -> None:
    await cancelled_at_its_first_statement()
    gc.collect()  # SQLAlchemy complains of connections that are left to it


async def cancelled_at_its_first_statement() -> None:
    async def use() -> None:
        async with KeptConnection(engine).begin() as connection:
            await connection.exec_driver_sql("SELECT 1")

    using = asyncio.create_task(use())

    @event.listens_for(engine.sync_engine, "before_cursor_execute", once=True)
    def cancel(*_: object) -> None:
        using.cancel()

    await asyncio.wait([using])
    assert using.cancelled()
