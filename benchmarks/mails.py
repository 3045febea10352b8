"""E-mails: how long one takes to render, how many leave in a second, and what memory they take.

Each figure comes from a process of its own (`mail_process.py`) that hands its e-mails to another
one on this machine (`quick_sink.py`).
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import truediv
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from server import environment, output, stop
from table import Row, at_least, at_most

HERE = Path(__file__).parent


async def mail_render(quick: bool) -> list[Row]:
    """The welcome e-mail, HTML and text, each for another person; templates are warm."""
    seconds = median(await _run("render", 500 if quick else 3000))
    milliseconds = seconds * 1000
    what = "Rendering the welcome e-mail, styles inlined"
    return [Row(what, f"{milliseconds:.2f} ms", milliseconds, at_most(1, "ms"))]


async def mail_rates(quick: bool) -> list[Row]:
    """Welcome e-mails per second over SMTP, ten at a time: from the data to the server's answer.

    FastMail is used as its documentation has it, with the same templates and data. The second
    row gives it less to do: HTML and text that were rendered before the clock started.
    """
    async with sink() as port:
        found = await _run("rates", port, 500 if quick else 2000)
    rate = median(found["ours"])
    rows = []
    for what, name, limit in (
        ("Welcome e-mails over SMTP, 10 at a time", "stock", at_least(5)),
        ("- with nothing to render for FastMail", "stock, rendered before", None),
    ):
        ratio = median(map(truediv, found["ours"], found[name]))
        compared = f"FastMail.send_message: {median(found[name]):,.0f} /s"
        rows.append(Row(what, f"{rate:,.0f} /s", ratio, limit, compared))
    return rows


async def mail_memory(quick: bool) -> list[Row]:
    """What the resident memory of the sending process grows by, after 2,000 for a warm-up."""
    mails = 10_000 if quick else 100_000
    async with sink() as port:
        before, after = await _run("memory", port, mails)
    what = f"Memory after {mails:,} e-mails: {before:.0f} to {after:.0f} MiB"
    return [Row(what, f"{after - before:.1f} MiB more", after - before, at_most(8, "MiB"))]


async def _run(*arguments: object) -> Any:
    """What the process printed; its docstring says what that is."""
    command = sys.executable, str(HERE / "mail_process.py"), *map(str, arguments)
    with TemporaryDirectory() as name:
        folder = Path(name)
        return json.loads(await output(*command, cwd=folder, env=environment(folder)))


@asynccontextmanager
async def sink() -> AsyncIterator[int]:
    """A mail server of its own; yields its port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HERE / "quick_sink.py")),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        yield int(await process.stdout.readline())
    finally:
        await stop(process)
