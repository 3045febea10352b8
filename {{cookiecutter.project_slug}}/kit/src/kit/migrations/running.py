"""Running and undoing migrations."""

from collections.abc import Iterator

from kit.migrations.histories import HISTORIES, History
from kit.migrations.planning import Plan, describe, explained, plan
from kit.migrations.state import applied_now


def migrate(revision: str = "head", history: History | None = None) -> list[str]:
    """Bring the database to `revision`; return a line for each migration that was run or undone.

    See `plan`. Raises MigrationFailed: what was done before stays, and the migration that failed
    leaves nothing.
    """
    return [line for each in plan(revision, history) for line in run(each)]


def run(plan: Plan) -> Iterator[str]:
    """Do what a plan says, and yield a line for each migration. Raises MigrationFailed.

    Forwards each migration is a transaction, which takes a lock and then looks where the database
    is: of several processes that start at once, one migrates and the others wait. Backwards all
    of them are one transaction.
    """
    from alembic import command

    name = plan.history.name
    if plan.backwards:
        with explained(plan.history):
            command.downgrade(plan.history.config(), plan.destination)
        yield from (f"{name}: undid {describe(step)}" for step in plan.steps)
        return
    for step in plan.steps:
        config = plan.history.config()
        with explained(plan.history):
            command.upgrade(config, step.revision)
        if config.attributes.get("steps"):  # otherwise another process was faster
            yield f"{name}: applied {describe(step)}"


def list_migrations() -> list[str]:
    """A line for each migration of both histories, the oldest first: `[x]` if it is applied."""
    lines = []
    with explained():
        applied = applied_now()
    for history in HISTORIES:
        done = {
            script.revision
            for name, head in applied
            if name == history.name
            for script in history.scripts.walk_revisions("base", head)
        }
        for step in reversed([*history.scripts.walk_revisions()]):
            mark = "x" if step.revision in done else " "
            lines.append(f"[{mark}] {history.name}: {describe(step)}")
    return lines
