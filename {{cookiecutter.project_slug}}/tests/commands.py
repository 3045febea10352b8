"""Commands in processes of their own, as people start them, but quickly.

The processes are forked from a server that has imported the libraries (not `app`: each reads
its own settings), which saves a second for each of them.
"""

import asyncio
import os
import sys
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

_processes = get_context("forkserver")
_processes.set_forkserver_preload(
    [
        *("aiosqlite", "alembic.command", "fastapi", "psycopg", "pydantic_settings", "pwdlib"),
        *("sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite", "sqlmodel", "structlog"),
        "typer.rich_utils",
    ]
)


@dataclass(frozen=True)
class Finished:
    """What became of a command."""

    returncode: int
    stdout: str
    stderr: str


async def manage(*arguments: str, stdin: str = "", **environment: str) -> Finished:
    """Run `manage` with these arguments to its end."""
    code = f"import sys; sys.argv = {['manage', *arguments]}; from app.cli import main; main()"
    return await asyncio.to_thread(python, code, os.environ | environment, stdin=stdin)


def python(
    code: str, environment: dict[str, str], *, stdin: str = "", folder: Path | None = None
) -> Finished:
    """Run `code` to its end, in `folder`, with this environment and no other."""
    with TemporaryDirectory() as name:
        streams = Path(name)
        (streams / "0").write_text(stdin)
        process = _processes.Process(
            target=_run, args=(code, environment, streams, folder or Path())
        )
        process.start()
        process.join()
        texts = [(streams / stream).read_text() for stream in ("1", "2")]
    return Finished(process.exitcode or 0, *texts)


def _run(code: str, environment: dict[str, str], streams: Path, folder: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    write = os.O_WRONLY | os.O_CREAT
    for number, flags in enumerate((os.O_RDONLY, write, write)):
        os.dup2(os.open(streams / str(number), flags, 0o600), number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - multiprocessing had closed it
    exec(code, {})
