"""Registering through HTTP: how many, beside what else, and that slow mail servers don't matter.

Every figure comes from `manage serve` with one process, its own worker and a fresh SQLite file
on this disk, asked by a client on the same machine. Left out: TLS, a proxy, the network.
"""

import asyncio
import sqlite3
import sys
from contextlib import AsyncExitStack
from math import ceil
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from time import perf_counter

from argon2 import PasswordHasher

from argon2_ceiling import hasher_of, hashes_per_second, seconds_of_one_hash
from client import HEALTHZ, Connection, connect, register_many, registration
from server import environment, migrate, serve
from smtp_sink import smtp_sink
from table import Row, at_least, at_most

WARM_UP = 50
SLOW = 2.0
"""Seconds that the slow mail server takes for a message."""
MAIL_IN_REQUEST = (
    *(sys.executable, "-m", "uvicorn", "mail_in_request:app", "--no-access-log"),
    *("--app-dir", str(Path(__file__).parent)),
)


async def registrations(quick: bool) -> list[Row]:
    """Registrations per second, against what argon2 alone could do with all cores.

    The ceiling is measured before and after each round, and a round is compared with the mean
    of the two: a machine that gets slower, or busier, slows both down. The welcome e-mails are
    made by the same process at the same time (job, token, templates, MIME) and count against
    the figure; so does the client. Of the mail, only the transport is left out: it goes to memory.
    """
    rounds, people = (3, 150) if quick else (5, 400)
    figures = []
    with TemporaryDirectory() as name:
        folder, env = await _prepare(Path(name))
        async with serve(folder, env) as (port, _):
            await register_many(port, WARM_UP)
            hasher = hasher_of(_database(folder))
            ceilings = [await _ceiling(folder, hasher, people // 2)]
            for _ in range(rounds):
                figures.append(people / await register_many(port, people))
                ceilings.append(await _ceiling(folder, hasher, people // 2))
    around = map(mean, zip(ceilings, ceilings[1:], strict=False))
    return [
        Row(
            "Registrations; their welcome e-mails are made meanwhile, by the same process",
            f"{median(figures):.1f} /s",
            median(figure / ceiling for figure, ceiling in zip(figures, around, strict=True)),
            at_least(0.9),
            f"argon2 alone, on all cores: {median(ceilings):.1f} /s",
        )
    ]


async def healthz(quick: bool) -> list[Row]:
    """The 99th percentile of /healthz while registrations saturate the machine.

    A probe is due every 10 ms, and its time counts from when it was due: one that has to wait
    for the answer before it is not forgiven.
    """
    probes = 300 if quick else 1000
    with TemporaryDirectory() as name:
        folder, env = await _prepare(Path(name))
        async with serve(folder, env) as (port, _):
            await register_many(port, WARM_UP)
            hasher = hasher_of(_database(folder))
            await _until_idle(folder)
            one_hash = await asyncio.to_thread(seconds_of_one_hash, hasher)
            load = asyncio.create_task(_register_without_end(port))
            seconds = sorted(await _probe(port, probes, every=0.01))
            load.cancel()
            await asyncio.wait([load])
    p99 = seconds[ceil(len(seconds) * 0.99) - 1]
    return [
        Row(
            "/healthz while registrations saturate the machine, 99th percentile",
            f"{p99 * 1000:.1f} ms",
            p99 / one_hash,
            at_most(5),
            f"one hash, alone: {one_hash * 1000:.1f} ms",
        )
    ]


async def slow_mail(quick: bool) -> list[Row]:
    """How long a registration takes, with a mail server that needs two seconds and with a quick one.

    Three servers are asked in turn, one request at a time and a pause after each, so that
    nothing waits in a queue: the app with a quick mail server, the app with a slow one, and
    `mail_in_request.py`, which sends before it answers, with the slow one.
    """
    turns, turns_in_request = (10, 1) if quick else (40, 3)
    async with AsyncExitStack() as stack:
        quick_sink = await stack.enter_async_context(smtp_sink(0))
        slow_sink = await stack.enter_async_context(smtp_sink(SLOW))
        with_quick = await _open(stack, quick_sink)
        with_slow = await _open(stack, slow_sink)
        in_request = await _open(stack, slow_sink, MAIL_IN_REQUEST)
        quick_times, slow_times = [], []
        for _ in range(turns):
            quick_times.append(await _register(with_quick))
            slow_times.append(await _register(with_slow))
        in_request_times = [await _register(in_request) for _ in range(turns_in_request)]
    quick_time, slow_time = median(quick_times), median(slow_times)
    return [
        Row(
            f"Answer to a registration, mail server takes {SLOW:g} s",
            f"{slow_time * 1000:.1f} ms",
            slow_time / quick_time,
            at_most(1.1),
            f"mail server takes 0 s: {quick_time * 1000:.1f} ms",
        ),
        Row(
            f"Answer to a registration, mail server takes {SLOW:g} s, times faster",
            f"{slow_time * 1000:.1f} ms",
            median(in_request_times) / slow_time,
            at_least(20),
            f"e-mail sent inside the request: {median(in_request_times) * 1000:.0f} ms",
        ),
    ]


async def _prepare(folder: Path) -> tuple[Path, dict[str, str]]:
    env = environment(folder)
    await migrate(folder, env)
    return folder, env


def _database(folder: Path) -> Path:
    return folder / "app.db"


async def _ceiling(folder: Path, hasher: PasswordHasher, hashes: int) -> float:
    await _until_idle(folder)
    return await asyncio.to_thread(hashes_per_second, hasher, hashes)


async def _until_idle(folder: Path) -> None:
    """Wait until every job is done, so that none runs beside what is measured next."""
    connection = sqlite3.connect(_database(folder))
    unfinished = "SELECT count(*) FROM jobs WHERE status NOT IN ('successful', 'failed')"
    async with asyncio.timeout(60):
        while connection.execute(unfinished).fetchone()[0]:
            await asyncio.sleep(0.05)
    connection.close()


async def _register_without_end(port: int) -> None:
    while True:
        await register_many(port, 1000)


async def _probe(port: int, probes: int, *, every: float) -> list[float]:
    """The seconds of each probe, from when it was due."""
    seconds = []
    async with connect(port) as connection:
        began = perf_counter()
        for number in range(probes):
            due = began + number * every
            await asyncio.sleep(due - perf_counter())
            await connection.send(HEALTHZ, expect=200)
            seconds.append(perf_counter() - due)
    return seconds


async def _open(stack: AsyncExitStack, mail_url: str, *command: tuple[str, ...]) -> Connection:
    """A connection to a server of its own, which has answered a registration already."""
    folder = Path(stack.enter_context(TemporaryDirectory()))
    env = environment(folder, MAIL_URL=mail_url)
    await migrate(folder, env)
    port, _ = await stack.enter_async_context(serve(folder, env, *command))
    connection = await stack.enter_async_context(connect(port))
    await _register(connection)
    return connection


async def _register(connection: Connection) -> float:
    """The seconds of one registration; the pause after it lets its job get done or under way."""
    seconds = await connection.send(registration(), expect=202)
    await asyncio.sleep(0.12)
    return seconds
