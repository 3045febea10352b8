"""Commands in processes of their own, as people start them, but quickly.

The processes are forked from a server that has imported the libraries (not `app`: each reads
its own settings), which saves a second for each of them.
"""

import asyncio
import atexit
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

_processes = get_context("forkserver")
_processes.set_forkserver_preload(
    [
        *("aiosqlite", "alembic.command", "fastapi", "jinja2", "psycopg", "pwdlib"),
        *("pydantic_settings", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite"),
        *("sqlmodel.ext.asyncio.session", "structlog", "typer.rich_utils", "uvicorn.main"),
    ]
)


@dataclass(frozen=True)
class Finished:
    """What became of a command."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Running:
    """A command that has been started. What it writes is in files: no pipe fills up."""

    _process: BaseProcess
    _streams: Path

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    @property
    def stderr(self) -> str:
        """What it has written so far."""
        return (self._streams / "2").read_text()

    def has_written(self, text: str) -> bool:
        return text in self.stderr

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def interrupt(self) -> None:
        os.kill(self.pid, signal.SIGINT)

    def wait(self) -> Finished:
        """Wait for its end; minus the signal's number is the returncode of what was killed."""
        self._process.join()
        texts = [(self._streams / stream).read_text() for stream in ("1", "2")]
        return Finished(self._process.exitcode or 0, *texts)

    async def ended(self) -> Finished:
        """`wait`, beside the event loop."""
        return await asyncio.to_thread(self.wait)


@contextmanager
def running(
    code: str,
    environment: dict[str, str] | None = None,
    *,
    stdin: str = "",
    folder: Path | None = None,
) -> Iterator[Running]:
    """Start `python -c code`, in `folder`, with this environment and no other.

    It is killed when the block is left.
    """
    with TemporaryDirectory() as name:
        streams = Path(name)
        (streams / "0").write_text(stdin)
        for stream in ("1", "2"):
            (streams / stream).touch()
        given = dict(os.environ if environment is None else environment)
        arguments = (code, given, streams, folder or Path())
        process = _processes.Process(target=_run, args=arguments)
        process.start()
        try:
            yield Running(process, streams)
        finally:
            process.kill()
            process.join()


def python(
    code: str, environment: dict[str, str], *, stdin: str = "", folder: Path | None = None
) -> Finished:
    """Run `code` to its end."""
    with running(code, environment, stdin=stdin, folder=folder) as process:
        return process.wait()


async def manage(*arguments: str, stdin: str = "", **environment: str) -> Finished:
    """Run `manage` with these arguments to its end."""
    code = manage_code(*arguments)
    return await asyncio.to_thread(python, code, os.environ | environment, stdin=stdin)


def manage_code(*arguments: str) -> str:
    """For `running`."""
    return f"import sys; sys.argv = {['manage', *arguments]}; from kit.cli import main; main()"


def _run(code: str, environment: dict[str, str], streams: Path, folder: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path.insert(0, os.getcwd())
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY | os.O_APPEND)):
        os.dup2(os.open(streams / str(number), flags), number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - multiprocessing had closed it
    try:
        exec(code, {})
    finally:
        atexit._run_exitfuncs()  # which multiprocessing leaves out
