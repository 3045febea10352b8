"""The prompt of `manage shell`: `await` works, and the models are there."""

import ast
import asyncio
import atexit
import builtins
import code
import inspect
import types
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlmodel import SQLModel, select

from kit.database import Session, engine
from kit.discovery import modules
from kit.settings import VAR, settings
from kit.tasks import Task


def run_shell(command: str | None = None) -> None:
    """Prompt until Ctrl+D, or run one command; raises SystemExit if that one fails."""
    with asyncio.Runner() as runner:
        names = {**_names(), "db": Session()}
        console = _Console(names, runner)
        try:
            if command:
                if console.runsource(command, symbol="exec"):
                    raise SystemExit("shell: this command lacks its end")
                if console.failed:
                    raise SystemExit(1)
            else:
                known = ", ".join(sorted(names))
                hint = "`await` works; what is to last needs `await db.commit()`."
                _set_up_readline(console.locals)
                console.interact(f"{hint} At hand: {known}", exitmsg="")
        finally:
            runner.run(names["db"].close())
            runner.run(engine.dispose())


def _set_up_readline(names: Mapping[str, Any]) -> None:
    """History with the arrow keys, completion with Tab; without readline there is neither."""
    with suppress(ImportError):
        import readline
        import rlcompleter

        readline.set_completer(rlcompleter.Completer({**names}).complete)
        readline.parse_and_bind("tab: complete")
        VAR.mkdir(0o700, exist_ok=True)
        history = VAR / "shell_history"
        with suppress(OSError):
            readline.read_history_file(history)
        atexit.register(readline.write_history_file, history)


def _names() -> dict[str, Any]:
    names: dict[str, Any] = {"select": select, "settings": settings, "Session": Session}
    for module in [*modules("models"), *modules("tasks")]:
        for name, value in vars(module).items():
            is_model = isinstance(value, type) and issubclass(value, SQLModel)
            if (is_model and hasattr(value, "__table__")) or isinstance(value, Task):
                names[name] = value
    return names


class _Console(code.InteractiveConsole):
    """The standard prompt, with `await` at the top level, on one event loop."""

    def __init__(self, names: dict[str, Any], runner: asyncio.Runner) -> None:
        super().__init__({"__builtins__": builtins, **names})
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._runner = runner
        self.failed = False

    def showsyntaxerror(self, *args: Any, **options: Any) -> None:
        self.failed = True
        super().showsyntaxerror(*args, **options)

    def runcode(self, code: types.CodeType) -> None:
        try:
            result = types.FunctionType(code, self.locals)()
            if inspect.iscoroutine(result):
                self._runner.run(result)
        except SystemExit:
            raise
        except BaseException:  # shown, as the standard prompt does, Ctrl+C included
            self.failed = True
            self.showtraceback()
