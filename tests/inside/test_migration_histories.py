"""Migrations in a project of their own, on an empty database of the kind that the suite runs on."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest
from kit.cli import manage
from kit.database import engine
from kit.migrations import (
    KIT,
    History,
    MigrationFailed,
    heads,
    list_migrations,
    make,
    make_empty,
    merge,
    migrate,
)
from kit.migrations.state import make_sync_engine
from kit.settings import settings
from sqlalchemy import Column, Enum, Integer, MetaData, String, Table, TypeDecorator, inspect, text
from sqlmodel import Field, SQLModel
from typer.testing import CliRunner

ACCOUNTS = "a81d6f2b40c7"


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of `migrations/` to add to; the database has kit's tables."""
    root = Path("migrations")
    folder = tmp_path / "migrations"
    shutil.copytree(root, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy("pyproject.toml", tmp_path)
    own = cast(property, History.folder).fget
    assert own
    monkeypatch.setattr(
        History, "folder", property(lambda it: own(it) if it.name == "kit" else folder)
    )
    heads.cache_clear()
    with _empty_database(tmp_path) as url:
        monkeypatch.setattr(settings, "database_url", url)
        yield folder / "versions"
    heads.cache_clear()


class _empty_database:  # noqa: N801 - a context manager, read as a function
    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, f"scratch_{uuid4().hex}"

    def __enter__(self) -> str:
        if engine.dialect.name == "sqlite":
            return f"sqlite+aiosqlite:///{self.folder}/scratch.db"
        self._execute(f'CREATE DATABASE "{self.name}"')
        return engine.url.set(database=self.name).render_as_string(hide_password=False)

    def __exit__(self, *_: object) -> None:
        if engine.dialect.name != "sqlite":
            self._execute(f'DROP DATABASE "{self.name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        import psycopg

        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())


Write = Callable[..., None]


@pytest.fixture
def write(history: Path) -> Write:
    """Writes a migration that runs these statements."""

    def write(revision: str, *statements: str, after: str = ACCOUNTS, undo: str = "pass") -> None:
        body = "\n".join(f"    op.execute({statement!r})" for statement in statements) or "    pass"
        (history / f"{revision}.py").write_text(
            f'"""{revision} does something"""\nfrom alembic import op\n'
            f"revision = {revision!r}\ndown_revision = {after!r}\n"
            f"def upgrade():\n{body}\ndef downgrade():\n    {undo}\n"
        )
        heads.cache_clear()

    return write


def tables() -> set[str]:
    with make_sync_engine().connect() as connection:
        return set(inspect(connection).get_table_names())


MAKE = "CREATE TABLE gadgets (number INTEGER PRIMARY KEY)"


def test_a_migration_that_fails_leaves_nothing_and_works_once_mended(write: Write) -> None:
    migrate()
    write("first", "CREATE TABLE before (number INTEGER)")
    rows = "INSERT INTO gadgets VALUES (1), (1)"
    write("second", MAKE, rows, after="first")

    with pytest.raises(MigrationFailed, match=r"second\.py, line 7: .*gadgets"):
        migrate()
    assert tables() & {"before", "gadgets"} == {"before"}

    write("second", MAKE, rows.replace("(1), (1)", "(1), (2)"), after="first")
    assert migrate() == ["app: applied second second does something"]
    assert "gadgets" in tables()


def test_both_histories_are_listed_with_what_is_applied(write: Write) -> None:
    migrate()
    write("gadgets", MAKE)
    kit, accounts, gadgets = list_migrations()
    assert kit.startswith("[x] kit: ")
    assert accounts == f"[x] app: {ACCOUNTS} accounts"
    assert gadgets == "[ ] app: gadgets gadgets does something"


@pytest.mark.parametrize("revision", [ACCOUNTS, ACCOUNTS[:5], "-1"])
def test_an_older_revision_is_reached_by_undoing(write: Write, revision: str) -> None:
    write("gadgets", MAKE, undo="op.drop_table('gadgets')")
    migrate()
    assert migrate(revision) == ["app: undid gadgets gadgets does something"]
    assert "gadgets" not in tables()
    assert migrate("+1") == ["app: applied gadgets gadgets does something"]


def test_going_backwards_asks_before_rows_are_lost(write: Write) -> None:
    write("gadgets", MAKE, undo="op.drop_table('gadgets')")
    migrate()

    asked = CliRunner().invoke(manage, ["migrate", "-1"], input="n\n")
    assert asked.exit_code == 1
    assert "gadgets gadgets does something\nand deletes the rows" in asked.output
    assert "gadgets" in tables()

    told = CliRunner().invoke(manage, ["migrate", "-1", "--yes"])
    assert (told.exit_code, told.output) == (0, "app: undid gadgets gadgets does something\n")
    again = CliRunner().invoke(manage, ["migrate", ACCOUNTS])
    assert again.output == f"The database is at {ACCOUNTS} already.\n"


@pytest.mark.parametrize("revision", ["-9", "+9"])
def test_there_is_nothing_beyond_the_ends(history: Path, revision: str) -> None:
    with pytest.raises(MigrationFailed, match=r"there are only . migrations"):
        migrate(revision)


def test_two_newest_migrations_are_named_and_can_be_joined(write: Write, history: Path) -> None:
    migrate()
    write("mine", "CREATE TABLE mine (number INTEGER)")
    write("yours", "CREATE TABLE yours (number INTEGER)")
    words = "2 newest migrations, mine and yours, .*--merge"
    with pytest.raises(SystemExit, match=words):
        migrate()
    with pytest.raises(SystemExit, match=words):
        make("more")

    assert merge("join them")
    heads.cache_clear()
    assert {line.split()[2] for line in migrate()} >= {"mine", "yours"}
    (joined,) = [path for path in history.iterdir() if "join_them" in path.name]
    assert "down_revision: str | Sequence[str] | None = " in joined.read_text()
    assert not merge("once more")


def test_what_is_written_passes_the_checks_of_the_project(write: Write, history: Path) -> None:
    migrate()
    make_empty("fill it in")
    (written,) = [path for path in history.iterdir() if "fill_it_in" in path.name]
    for command in (["mypy", "--strict", "--cache-dir", "cache"], ["ruff", "check"]):
        done = subprocess.run(
            [sys.executable, "-m", *command, str(written)],
            cwd=history.parent.parent,
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stdout


def test_a_database_of_another_branch_is_refused_with_the_revision(
    write: Write, history: Path
) -> None:
    write("gadgets", MAKE)
    migrate()
    (history / "gadgets.py").unlink()
    heads.cache_clear()
    words = "revision gadgets, which migrations/ does not have"
    with pytest.raises(SystemExit, match=words):
        migrate()
    with pytest.raises(SystemExit, match=words):
        make("more")


def test_kits_history_goes_its_own_way(history: Path) -> None:
    migrate()
    (undone,) = migrate("base", KIT)
    assert undone.startswith("kit: undid ")
    assert {"users"} == tables() & {"jobs", "mail_log", "users"}
    assert migrate()[0].startswith("kit: applied ")


class Kind(StrEnum):
    BOOK = "book"
    TOOL = "tool"


class Cents(TypeDecorator[int]):
    impl = Integer
    cache_ok = True


def test_enums_are_stored_as_text_of_a_fixed_length() -> None:
    column: Column[Kind] = Column("kind", Enum(Kind))
    Table("things", MetaData(), column)
    assert isinstance(column.type, Enum)
    assert (column.type.native_enum, column.type.length) == (False, 50)
    assert column.type.enum_class is Kind


def test_a_type_of_your_own_is_imported_where_it_is_used(history: Path) -> None:
    migrate()

    class Price(SQLModel, table=True):
        __tablename__ = "prices"
        id: int = Field(primary_key=True)
        kind: Kind
        cents: int = Field(sa_type=Cents)

    try:
        make("prices")
        heads.cache_clear()
        (written,) = [path for path in history.iterdir() if "prices" in path.name]
        assert f"import {__name__}\n" in written.read_text()
        assert f"{__name__}.Cents()" in written.read_text()
        assert migrate()
        assert make("nothing") is None
    finally:
        SQLModel.metadata.remove(SQLModel.metadata.tables["prices"])


def test_a_member_that_is_added_to_an_enum_needs_no_migration(history: Path) -> None:
    class More(StrEnum):
        BOOK = "book"
        TOOL = "tool"
        A_MEMBER_WITH_A_LONG_NAME = "a"

    migrate()
    with make_sync_engine().begin() as connection:
        connection.execute(text("CREATE TABLE things (kind VARCHAR(50) NOT NULL)"))
    Table("things", SQLModel.metadata, Column("kind", Enum(More), nullable=False))
    try:
        assert make("a member") is None
    finally:
        SQLModel.metadata.remove(SQLModel.metadata.tables["things"])


def test_a_length_that_changes_needs_one(history: Path) -> None:
    migrate()
    with make_sync_engine().begin() as connection:
        connection.execute(text("CREATE TABLE things (kind VARCHAR(50) NOT NULL)"))
    Table("things", SQLModel.metadata, Column("kind", String(60), nullable=False))
    try:
        assert make("a length") == []
    finally:
        SQLModel.metadata.remove(SQLModel.metadata.tables["things"])
