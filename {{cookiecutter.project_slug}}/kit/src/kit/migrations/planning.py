"""How to get from where the database is to a revision."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from kit.migrations.histories import APP, HISTORIES, History
from kit.migrations.state import applied_now, mismatch

if TYPE_CHECKING:
    from alembic.script import Script, ScriptDirectory


class MigrationFailed(SystemExit):
    """A migration, or a way to a revision, that does not work; one line says which and why."""


@dataclass(frozen=True)
class Plan:
    """What has to be done to reach a revision of one history."""

    history: History
    steps: "tuple[Script, ...]"
    """The migrations to run or to undo, in this order."""
    backwards: bool = False

    @property
    def destination(self) -> str:
        """The revision at which the database is afterwards, if there is anything to do."""
        last = self.steps[-1]
        if not self.backwards:
            return last.revision
        return last.down_revision if isinstance(last.down_revision, str) else "base"


def plan(revision: str = "head", history: History | None = None) -> list[Plan]:
    """Return how to reach `revision`: of both histories to their heads, else of one.

    `revision` is head, base, one revision (the beginning of its id is enough), or relative to
    where the database is: +1, -2. Raises MigrationFailed.
    """
    both = history is None and revision == "head"
    with explained():
        applied = applied_now()
    if problem := mismatch(applied, behind=False):
        raise MigrationFailed(f"migrate: {problem}")
    return [_plan(each, revision, applied) for each in (HISTORIES if both else [history or APP])]


def describe(step: "Script") -> str:
    """The id of a migration and what it does."""
    return f"{step.revision} {step.doc or ''}".rstrip()


def two_heads(history: History, heads: Sequence[str]) -> str:
    """What is wrong with a history that has two newest migrations, and what helps."""
    names = " and ".join(sorted(heads))
    return (
        f"{history.name} has {len(heads)} newest migrations, {names}, which follow the same one; "
        "join them by `manage makemigrations --merge -m …`"
    )


def _plan(history: History, revision: str, applied: Iterable[tuple[str, str]]) -> Plan:
    scripts = history.scripts
    oldest_first = [*scripts.walk_revisions()][::-1]
    done: set[str] = set()
    for name, head in applied:
        if name == history.name:
            done |= _with_ancestors(scripts, head)
    with explained(history):
        wanted = _wanted(history, scripts, revision, oldest_first, done)
    if wanted - done or wanted == done:
        return Plan(history, tuple(it for it in oldest_first if it.revision in wanted - done))
    undone = [it for it in reversed(oldest_first) if it.revision in done - wanted]
    return Plan(history, tuple(undone), backwards=True)


def _wanted(
    history: History,
    scripts: "ScriptDirectory",
    revision: str,
    oldest_first: "list[Script]",
    done: set[str],
) -> set[str]:
    """The revisions that are applied once the database is at `revision`."""
    if revision == "base":
        return set()
    if relative := re.fullmatch(r"([+-])(\d+)", revision):
        return _relative(oldest_first, done, forwards=relative[1] == "+", steps=int(relative[2]))
    heads = scripts.get_heads()
    if revision == "head":
        if len(heads) > 1:
            raise MigrationFailed(f"migrate: {two_heads(history, heads)}")
        return _with_ancestors(scripts, heads[0]) if heads else set()
    return _with_ancestors(scripts, scripts.get_revision(revision).revision)


def _relative(
    oldest_first: "list[Script]", done: set[str], *, forwards: bool, steps: int
) -> set[str]:
    applied = [it.revision for it in oldest_first if it.revision in done]
    pending = [it.revision for it in oldest_first if it.revision not in done]
    if steps > len(pending if forwards else applied):
        left = f"{len(pending if forwards else applied)} migrations"
        where = "left to run" if forwards else "to undo"
        raise MigrationFailed(f"migrate: there are only {left} {where}")
    return {*applied, *pending[:steps]} if forwards else set(applied[: len(applied) - steps])


def _with_ancestors(scripts: "ScriptDirectory", revision: str) -> set[str]:
    return {script.revision for script in scripts.walk_revisions("base", revision)}


@contextmanager
def explained(history: History | None = None) -> Iterator[None]:
    """Turn what Alembic and the database say into one line."""
    from alembic.util import CommandError

    try:
        yield
    except CommandError as error:
        name = f"{history.name}: " if history else ""
        raise MigrationFailed(f"migrate: {name}{error}") from None
    except (DBAPIError, SQLAlchemyError) as error:
        first_line = str(error).split("\n", 1)[0]
        where = history and _place_in_migration(error, history)
        where = where or "the database can't be used"
        raise MigrationFailed(f"migrate: {where}: {first_line}") from None


def _place_in_migration(error: Exception, history: History) -> str | None:
    """The line of the migration that led to an error."""
    for frame in reversed(extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(history.folder / "versions"):
            return f"{path.relative_to(history.folder.parent)}, line {frame.lineno}"
    return None
