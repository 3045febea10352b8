"""Where each history lives, and which tables belong to it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import SQLModel

from kit.discovery import modules, root

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

FILE_NAMES = "%%(year)d%%(month).2d%%(day).2d_%%(hour).2d%%(minute).2d_%%(slug)s"


@dataclass(frozen=True)
class History:
    """A line of migrations."""

    name: str
    """The package whose tables it makes: `kit` or `app`."""
    version_table: str

    @property
    def folder(self) -> Path:
        """Where its migrations are.

        The application's are beside its package, in a checkout as in an installed wheel.
        """
        if self.name == "kit":
            return Path(__file__).parent
        beside = root().parent / "migrations"
        return beside if beside.is_dir() else Path("migrations").absolute()

    def owns(self, table: str) -> bool:
        """Whether the table belongs to this history. What no model names is the application's."""
        if table in {history.version_table for history in HISTORIES}:
            return False
        return (table in _tables_of_kit()) is (self.name == "kit")

    def config(self) -> "Config":
        """Alembic's configuration; that of the application is the `alembic` command's as well."""
        from alembic.config import Config

        toml = None if self.name == "kit" else self.folder.parent / "pyproject.toml"
        config = Config(toml_file=toml)
        config.set_main_option("script_location", str(self.folder).replace("%", "%%"))
        if self.name == "kit":
            config.set_main_option("file_template", FILE_NAMES)
        config.attributes["history"] = self
        return config

    @property
    def scripts(self) -> "ScriptDirectory":
        """The migrations themselves."""
        from alembic.script import ScriptDirectory

        return ScriptDirectory.from_config(self.config())


KIT = History("kit", "kit_alembic_version")
APP = History("app", "alembic_version")
HISTORIES = (KIT, APP)
"""In the order in which they are run; backwards, the last one first."""


@cache
def _tables_of_kit() -> frozenset[str]:
    list(modules("models"))
    mappers = SQLModel._sa_registry.mappers
    return frozenset(
        mapper.local_table.name  # type: ignore[attr-defined]  # every model here is one table
        for mapper in mappers
        if mapper.class_.__module__.startswith("kit.")
    )
