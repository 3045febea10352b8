"""E-mails: how long one takes to render, how many leave in a second, and what memory they take.

Each figure comes from a process of its own (`mail_process.py`, `ready_mail_process.py`) that hands
its e-mails to another one on this machine (`quick_sink.py`).
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

from certificate import certificate
from server import environment, output, stop
from table import Row, at_least, at_most

HERE = Path(__file__).parent
MAIL_PROCESS, READY_MAIL_PROCESS = "mail_process.py", "ready_mail_process.py"
ENCRYPTED = "smtp://user:password@127.0.0.1:{}?tls=starttls"
PLAIN = "smtp://127.0.0.1:{}?tls=none"


async def mail_render(quick: bool) -> list[Row]:
    """The welcome e-mail, HTML and text, each for another person; templates are warm."""
    seconds = median(await _run(MAIL_PROCESS, "render", 500 if quick else 3000))
    milliseconds = seconds * 1000
    what = "Rendering the welcome e-mail, styles inlined"
    return [Row(what, f"{milliseconds:.2f} ms", milliseconds, at_most(1, "ms"))]


async def mail_rates(quick: bool) -> list[Row]:
    """Welcome e-mails per second over SMTP, ten at a time: from the data to the server's answer.

    FastMail is used as its documentation has it, with the same templates and data. The second
    row gives it less to do: HTML and text that were rendered before the clock started.
    """
    async with sink() as port:
        found = await _run(MAIL_PROCESS, "rates", port, 500 if quick else 2000)
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


async def mail_connections(quick: bool) -> list[Row]:
    """Finished messages per second, ten at a time: kept connections against one for each.

    The other side is aiosmtplib's `send` with the same bytes. First with STARTTLS and a login, as
    mail servers want it; the certificate is checked, and is the only one that the sender trusts
    (reading a system's whole bundle for each connection would make connecting dearer yet).
    Then with neither, which next to no server on the internet offers: there a connection is
    three short answers of a server that does nothing for them.
    """
    mails = 300 if quick else 1000
    rows = []
    with TemporaryDirectory() as name:
        pem = Path(name) / "server.pem"
        pem.write_bytes(certificate("127.0.0.1"))
        for what, arguments, url, limit in (
            ("Finished e-mails, STARTTLS and login, 10 at a time", (pem,), ENCRYPTED, at_least(5)),
            ("- with neither", (), PLAIN, None),
        ):
            async with sink(*arguments) as port:
                found = await _run(
                    READY_MAIL_PROCESS, url.format(port), mails, SSL_CERT_FILE=str(pem)
                )
            ratio = median(map(truediv, found["kept"], found["each"]))
            compared = f"a connection for each: {median(found['each']):,.0f} /s"
            rows.append(Row(what, f"{median(found['kept']):,.0f} /s", ratio, limit, compared))
    return rows


async def mail_memory(quick: bool) -> list[Row]:
    """What the resident memory of the sending process grows by, after 2,000 for a warm-up."""
    mails = 10_000 if quick else 100_000
    async with sink() as port:
        before, after = await _run(MAIL_PROCESS, "memory", port, mails)
    what = f"Memory after {mails:,} e-mails: {before:.0f} to {after:.0f} MiB"
    return [Row(what, f"{after - before:.1f} MiB more", after - before, at_most(8, "MiB"))]


async def _run(program: str, *arguments: object, **settings: str) -> Any:
    """What the process printed; its docstring says what that is."""
    command = sys.executable, str(HERE / program), *map(str, arguments)
    with TemporaryDirectory() as name:
        folder = Path(name)
        return json.loads(await output(*command, cwd=folder, env=environment(folder, **settings)))


@asynccontextmanager
async def sink(*arguments: Path) -> AsyncIterator[int]:
    """A mail server of its own; yields its port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HERE / "quick_sink.py"), *map(str, arguments)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        yield int(await process.stdout.readline())
    finally:
        await stop(process)
