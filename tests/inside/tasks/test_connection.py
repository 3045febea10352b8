import gc

import pytest
from kit.database import engine
from kit.tasks.worker.connection import KeptConnection
from sqlalchemy import event


async def test_a_connection_is_closed_whose_first_statement_fails() -> None:
    @event.listens_for(engine.sync_engine, "before_cursor_execute", once=True)
    def fail(*_: object) -> None:
        raise ConnectionError("the database is away")

    with pytest.raises(ConnectionError):
        async with KeptConnection(engine).begin() as connection:
            await connection.exec_driver_sql("SELECT 1")
    gc.collect()  # SQLAlchemy complains of connections that are left to it
