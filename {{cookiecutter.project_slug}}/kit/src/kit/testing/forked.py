"""Python code and commands in processes of their own, which start quickly.

The processes are forked from a server that has imported the libraries, which saves each of them a
second. The server has not imported `app`: each process reads its own settings.
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
    """A process that has ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Running:
    """A process that was started. Its output goes to files, as a pipe could fill up."""

    _process: BaseProcess
    _streams: Path

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    @property
    def stderr(self) -> str:
        """The output so far."""
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
        """Wait until it ends. A process that was killed has the returncode -signal."""
        self._process.join()
        texts = [(self._streams / stream).read_text() for stream in ("1", "2")]
        return Finished(self._process.exitcode or 0, *texts)

    async def ended(self) -> Finished:
        """The same, without blocking the event loop."""
        return await asyncio.to_thread(self.wait)


@contextmanager
def running(
    code: str,
    environment: dict[str, str] | None = None,
    *,
    stdin: str = "",
    folder: Path | None = None,
) -> Iterator[Running]:
    """Start `python -c code` in `folder`, and kill it at the end of the block.

    environment: all of its environment variables; by default those of this process.
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
    """Run `python -c code` to its end."""
    with running(code, environment, stdin=stdin, folder=folder) as process:
        return process.wait()


async def run_manage(*arguments: str, stdin: str = "", **environment: str) -> Finished:
    """Run `manage` with these arguments to its end.

    environment: variables beside those of this process.
    """
    code = manage_code(*arguments)
    return await asyncio.to_thread(python, code, os.environ | environment, stdin=stdin)


def manage_code(*arguments: str) -> str:
    """Return the code of `manage` with these arguments, for `running` and `python`."""
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
