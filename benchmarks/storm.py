"""How many of the accepted people never get their e-mail, under one and the same weather.

The usual patterns (benchmarks/usual) against ours: 300 people register, a mail takes 0.3 s, and

    the web process is killed      every 1.5 s
    the worker is killed           when a quarter, a half and three quarters of the mails are there
    the mail server is unwilling   answers 451 to one mail in five; nothing is killed

Afterwards everything runs again undisturbed until nothing more arrives for a while. The last
kill comes before the last mails, so that no pattern loses what merely was the last.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import Process
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from client import connect, new_address, registration
from server import MANAGE, environment, free_port, listens, migrate, project, stop
from smtp_sink import Inbox, listening
from table import Row, as_markdown, as_text, at_most, machine

PEOPLE = 300
AT_ONCE = 10
MAIL_TAKES = 0.3
WEB_LIVES = 1.5
"""Seconds from when it answers to when it is killed."""
WORKER_DIES = (1 / 4, 1 / 2, 3 / 4)
"""When so much is done. By then it surely works, and has work left."""
PATIENCE = 600
"""Seconds after which one storm is given up; a busy machine may start nothing in WEB_LIVES."""
QUIET = 45.0
"""Seconds without a mail after which no more is expected: longer than leases here, and than the
pause after a fifth refusal (32 s and a fifth). Of 300 people one in 50 storms meets a sixth.
"""
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Pattern:
    """A way to send a welcome e-mail, as the commands of its processes; {port} is the web's."""

    name: str
    web: tuple[str, ...]
    worker: tuple[str, ...] = ()
    scheduler: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    ours: bool = False


UVICORN = (sys.executable, "-m", "uvicorn", "--no-access-log", "--port", "{port}")
CELERY = (sys.executable, "-m", "celery")
SERVE = (*MANAGE, "serve", "--port", "{port}")
PATTERNS = (
    Pattern("BackgroundTasks", (*UVICORN, "usual.background_tasks:app")),
    Pattern(
        "commit, then .delay()",
        (*UVICORN, "usual.celery_delay:app"),
        worker=(*CELERY, "-A", "usual.celery_delay:celery", "worker", "-c", "4"),
    ),
    Pattern("this template, inprocess", SERVE, ours=True),
    Pattern(
        "this template, celery",
        SERVE,
        worker=(*MANAGE, "worker"),
        scheduler=(*MANAGE, "scheduler"),
        settings={"TASKS_ENGINE": "celery"},
        ours=True,
    ),
)
WEATHERS = ("web killed", "worker killed", "mail unwilling")


async def main() -> int:
    parser = argparse.ArgumentParser(prog="make storm", description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--weather", nargs="+", choices=WEATHERS, default=WEATHERS)
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    options = parser.parse_args()
    project()  # fails early
    if not shutil.which("redis-server"):
        raise SystemExit("redis-server is not installed; the patterns with Celery need it")
    rows = []
    for weather in options.weather:
        for pattern in PATTERNS:
            if pattern.worker or weather != "worker killed":
                rows.append(await _blow(pattern, weather, options.people))
                print(*rows[-1].cells, sep="  ", file=sys.stderr)
    print(f"\n{machine()}\n\n{as_markdown(rows) if options.markdown else as_text(rows)}")
    return 0 if all(row.ok for row in rows) else 1


async def _blow(pattern: Pattern, weather: str, people: int) -> Row:
    inbox = Inbox(MAIL_TAKES, unwilling=0.2 if weather == "mail unwilling" else 0)
    with TemporaryDirectory() as name:
        async with asyncio.timeout(PATIENCE), listening(inbox) as mail_url:
            site = Site(pattern, Path(name), mail_url)
            try:
                await site.start()
                accepted, kills = await _register(site, inbox, people, weather)
                await inbox.until_quiet(QUIET)
                site.check()
            finally:
                await site.stop()
    lost = accepted - inbox.welcomed
    return Row(
        f"{weather}: {pattern.name}",
        f"{len(lost)} of {len(accepted)} lost",
        100 * len(lost) / len(accepted),
        at_most(0, "%") if pattern.ours else None,
        "451 to one mail in five" if weather == "mail unwilling" else f"{kills} kills",
    )


async def _register(site: "Site", inbox: Inbox, people: int, weather: str) -> tuple[set[str], int]:
    """Who was answered, and how often something was killed meanwhile."""
    accepted: set[str] = set()
    kills = 0

    async def register() -> None:
        while len(accepted) < people:
            address = new_address()
            with suppress(OSError, EOFError, RuntimeError):
                async with connect(site.port) as connection:
                    await connection.send(registration(address), expect=202)
                    accepted.add(address)
            await asyncio.sleep(0.2)

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(register()) for _ in range(AT_ONCE)]
        while weather == "web killed" and not all(task.done() for task in running):
            await asyncio.wait(running, timeout=WEB_LIVES)
            if len(accepted) < people:
                await site.kill_and_start("web")
                kills += 1
        for part in WORKER_DIES if weather == "worker killed" else ():
            await inbox.until(people * part)
            await site.kill_and_start("worker")
            kills += 1
    return accepted, kills


class Site:
    """The processes of one pattern, in a folder of their own."""

    def __init__(self, pattern: Pattern, folder: Path, mail_url: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._broker_port = free_port()
        self._commands = {
            "redis": ("redis-server", "--port", str(self._broker_port), "--save", ""),
            "web": tuple(part.format(port=self.port) for part in pattern.web),
            "worker": pattern.worker,
            "scheduler": pattern.scheduler,
        }
        self._environment = environment(
            folder,
            MAIL_URL=f"{mail_url}?tls=none" if pattern.ours else mail_url,
            BROKER_URL=f"redis://127.0.0.1:{self._broker_port}/0",
            TASKS_LEASE="3",
            TASKS_REPUBLISH_AFTER="3",
            PYTHONPATH=os.pathsep.join([str(project()), str(HERE)]),
            **pattern.settings,
        )
        self._ours = pattern.ours
        self._processes: dict[str, Process] = {}

    async def start(self) -> None:
        if self._ours:
            await migrate(self._folder, self._environment)
        for name, command in self._commands.items():
            if command:
                await self._start(name)

    async def kill_and_start(self, name: str) -> None:
        os.killpg(self._processes[name].pid, signal.SIGKILL)  # Celery's children, too
        await self._processes[name].wait()
        await self._start(name)

    def check(self) -> None:
        """A process that could not run would make its pattern look worse than it is."""
        for name, process in self._processes.items():
            if process.returncode is not None:
                raise RuntimeError((self._folder / f"{name}.log").read_text()[-3000:])

    async def stop(self) -> None:
        for process in reversed(self._processes.values()):
            await stop(process)

    async def _start(self, name: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = await asyncio.create_subprocess_exec(
                *self._commands[name],
                cwd=self._folder,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        port = {"redis": self._broker_port, "web": self.port}.get(name)
        while port and not await listens(port):
            if self._processes[name].returncode is not None:
                raise RuntimeError((self._folder / f"{name}.log").read_text()[-3000:])
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
