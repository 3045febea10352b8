"""Alembic's environment: the models' metadata, and the database of the settings."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlmodel import AutoString, SQLModel, UTCDateTime

from app.database import UTF_8  # first: it sets the naming convention
from app.discovery import modules
from app.settings import settings

list(modules("models"))
LOCK = 7_141_421
"""Any number that nothing else locks."""


def render_item(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Write SQLModel's own types as SQLAlchemy's, so that migrations outlive it."""
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(**options: Any) -> None:
    context.configure(
        target_metadata=SQLModel.metadata,
        render_item=render_item,
        render_as_batch=True,  # SQLite can't alter most things in place
        **options,
    )
    with context.begin_transaction():
        if not context.is_offline_mode() and context.get_bind().dialect.name == "postgresql":
            # Of several servers that start at once, one migrates and the others wait for it.
            context.get_bind().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        context.run_migrations()


# Migrations run synchronously: one connection, no event loop to start inside another.
url = make_url(settings.database_url)
url = url.set(drivername=url.drivername.replace("+aiosqlite", ""))
if context.is_offline_mode():
    run(url=url, literal_binds=True, dialect_opts={"paramstyle": "named"})
else:
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite and url.database:
        from pathlib import Path

        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    connect_args = {} if is_sqlite else UTF_8
    engine = create_engine(url, hide_parameters=True, poolclass=NullPool, connect_args=connect_args)
    with engine.connect() as connection:
        run(connection=connection)
