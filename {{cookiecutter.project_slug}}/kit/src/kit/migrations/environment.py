"""What the `env.py` of both histories does: the models' metadata, and the settings' database."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import text
from sqlmodel import AutoString, SQLModel, UTCDateTime

from kit.database.sqlite import begin_before_anything
from kit.discovery import modules
from kit.migrations.histories import APP, History
from kit.migrations.state import make_sync_engine

LOCK = 7_141_421
"""Any number that nothing else locks."""


def run_environment() -> None:
    """Run Alembic's command on the database of the settings; called from `env.py`.

    Migrations run synchronously: one connection, no event loop to start inside another.
    """
    list(modules("models"))
    engine = make_sync_engine()
    if context.is_offline_mode():
        options = {"literal_binds": True, "dialect_opts": {"paramstyle": "named"}}
        _run(url=engine.url, **options)
        return
    if engine.dialect.name == "sqlite":
        begin_before_anything(engine)
    with engine.connect() as connection:
        _run(connection=connection)


def _run(**options: Any) -> None:
    history: History = context.config.attributes.get("history", APP)
    steps: list[MigrationInfo] = context.config.attributes.setdefault("steps", [])

    def include_name(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or history.owns(name or "")

    def include_object(_: object, name: str | None, kind: str, *_rest: object) -> bool:
        return include_name(name, kind, None)

    def on_version_apply(
        ctx: MigrationContext, step: MigrationInfo, *_: object, **__: object
    ) -> None:
        steps.append(step)

    context.configure(
        target_metadata=SQLModel.metadata,
        version_table=history.version_table,
        include_name=include_name,
        include_object=include_object,
        on_version_apply=on_version_apply,
        render_item=_render_item,
        render_as_batch=True,  # SQLite can't alter most things in place
        transactional_ddl=True,  # on SQLite as well: see `begin_before_anything`
        **options,
    )
    with context.begin_transaction():
        if not context.is_offline_mode() and context.get_bind().dialect.name == "postgresql":
            # Of several servers that start at once, one migrates and the others wait for it.
            context.get_bind().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        context.run_migrations()


def _render_item(kind: str, item: object, context: AutogenContext) -> str | Literal[False]:
    """Write SQLModel's types as SQLAlchemy's, so that migrations outlive it; import your own."""
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and not (module := type(item).__module__).startswith("sqlalchemy."):
        context.imports.add(f"import {module}")  # Alembic writes the type with its module
    return False
