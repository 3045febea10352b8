"""`INSERT … ON CONFLICT DO NOTHING`, which SQLAlchemy has once per database."""

from functools import cache

from sqlalchemy import Insert
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession


async def insert_unless_taken(db: AsyncSession, row: SQLModel, unique: str) -> bool:
    """Insert the row, unless its value in the column `unique` is taken. Return whether it is in.

    Unlike a flush that fails, this leaves the transaction usable, on every database.
    """
    statement = _statement(type(row), db.get_bind().dialect.name, unique)
    return (await db.exec(statement, params=row.model_dump())).rowcount == 1


@cache
def _statement(model: type[SQLModel], dialect: str, unique: str) -> Insert:
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    statement = insert(model.__table__).on_conflict_do_nothing(index_elements=[unique])  # type: ignore[attr-defined]
    return statement.execution_options(preserve_rowcount=True)  # else unknown for an INSERT
