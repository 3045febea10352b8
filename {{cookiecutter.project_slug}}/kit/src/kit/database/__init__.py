"""The database: the engine, and the session that every request and every task works with."""

from kit.database.inserting import insert_unless_taken
from kit.database.sessions import Session, SessionDep, engine, utcnow

__all__ = ["Session", "SessionDep", "engine", "insert_unless_taken", "utcnow"]
