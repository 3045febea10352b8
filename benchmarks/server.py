"""The baked project's processes, as an operator starts them, each in an empty folder.

A folder without a `.env` leaves nothing to chance: what is not set here has its default.
"""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

MANAGE = (str(Path(sys.executable).with_name("manage")),)
READY_WITHIN = 30
STOPPED_WITHIN = 30


def project() -> Path:
    """The folder of the project whose environment runs this."""
    app = find_spec("app")
    if app is None or not app.submodule_search_locations:
        raise SystemExit("Run this by `make bench`: it needs a baked project's environment.")
    return Path(app.submodule_search_locations[0]).parent


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Production's settings on a database of its own, with rate limits off and mail kept in memory.

    Compiled modules are written as on any server, whatever the caller's shell says.
    """
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return inherited | {
        "ENVIRONMENT": "production",
        "SECRET_KEY": "only-for-benchmarks-on-this-machine",
        "BASE_URL": "http://127.0.0.1:8000",
        "DATABASE_URL": f"sqlite:///{folder}/app.db",
        "TASKS_ENGINE": "inprocess",
        "MAIL_URL": "memory://",
        "RATE_LIMITS": "off",
        "SHUTDOWN_TIMEOUT": "5",
        **settings,
    }


async def output(*command: str, cwd: Path, env: dict[str, str]) -> str:
    """The standard output of a command that has to succeed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=env,
        stdin=DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        stdout, stderr = await process.communicate()
    finally:
        await stop(process)
    if process.returncode:
        said = (stdout + stderr).decode(errors="replace")[-3000:]
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    return stdout.decode()


async def migrate(folder: Path, env: dict[str, str]) -> None:
    """Make the tables of an empty database."""
    await output(*MANAGE, "migrate", cwd=folder, env=env)


@asynccontextmanager
async def serve(
    folder: Path, env: dict[str, str], command: tuple[str, ...] = (*MANAGE, "serve")
) -> AsyncIterator[tuple[int, Process]]:
    """Run a web server until the block is left; yields its port and its process.

    Its log goes to a file, as a service manager would have it.
    """
    port = free_port()
    log = folder / f"{port}.log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *command,
            *("--host", "127.0.0.1", "--port", str(port)),
            cwd=folder,
            env=env,
            stdin=DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        async with asyncio.timeout(READY_WITHIN):
            while not await listens(port):
                if process.returncode is not None:
                    raise RuntimeError(f"the server did not start:\n{log.read_text()[-3000:]}")
                await asyncio.sleep(0.05)
        yield port, process
    finally:
        await stop(process)


@asynccontextmanager
async def running(
    commands: Iterable[tuple[str, ...]], folder: Path, env: dict[str, str]
) -> AsyncIterator[None]:
    """Processes nobody reads the output of, until the block is left."""
    processes: list[Process] = []
    try:
        for command in commands:
            processes.append(
                await asyncio.create_subprocess_exec(
                    *command, cwd=folder, env=env, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
                )
            )
        yield
    finally:
        await asyncio.gather(*map(stop, processes))


async def stop(process: Process) -> None:
    """End a process, gently first."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOPPED_WITHIN)
    except TimeoutError:
        process.kill()
        await process.wait()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
