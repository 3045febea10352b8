"""How commands use the database, and how they end when they can't."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NoReturn, TypeVar

import typer

from kit.errors import AppError

if TYPE_CHECKING:
    from sqlmodel.ext.asyncio.session import AsyncSession

T = TypeVar("T")


def stop(message: str) -> NoReturn:
    """End the command with one line and exit code 1."""
    typer.echo(message, err=True)
    raise typer.Exit(1)


def require_migrations() -> None:
    """End the command if the database has not the tables of this code."""
    from kit.migrations import applied, mismatch

    if problem := mismatch(run(applied)):
        stop(problem)


def run(work: "Callable[[AsyncSession], Awaitable[T]]") -> T:
    """Do `work` in one transaction, and return what it does.

    An expected error ends the command with one line and exit code 1.
    """
    from pydantic import ValidationError
    from sqlalchemy.exc import SQLAlchemyError

    from kit.database import Session, engine
    from kit.logging import configure_logging

    configure_logging()

    async def in_transaction() -> T:
        try:
            async with Session() as db:
                result = await work(db)
                await db.commit()
                return result
        finally:
            await engine.dispose()

    try:
        return asyncio.run(in_transaction())
    except AppError as error:
        problems = [error.detail]
    except ValidationError as error:
        problems = [f"{e['loc'][0]}: {e['msg']}" for e in error.errors()]
    except SQLAlchemyError as error:
        first_line = str(error).split("\n", 1)[0]
        problems = [f"The database can't be used: {first_line} (is it up, and migrated?)"]
    stop("\n".join(problems))
