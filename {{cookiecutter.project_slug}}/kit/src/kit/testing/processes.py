"""The commands of the project as processes, which tests stop, kill and ask."""

import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen, TimeoutExpired

from kit.testing.proxy import free_port

PATIENCE = 60
"""Seconds until a wait fails and shows the output; pytest's own timeout would not show it."""


class Command:
    """A running command. It has a process group for itself, and writes to `log`."""

    def __init__(self, arguments: list[str], log: Path, environment: dict[str, str]) -> None:
        self.arguments, self.log = arguments, log
        with log.open("ab") as output:
            self._process = Popen(
                arguments,
                env={**os.environ, **environment},
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def output(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        """End it and its children by SIGKILL, as when the machine has no memory left."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """Send SIGTERM, as service managers do, wait, and return the exit code."""
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait until it ends, and return the exit code, which is negative for a signal."""
        try:
            return self._process.wait(PATIENCE)
        except TimeoutExpired:
            raise AssertionError(f"it does not end:\n{self.output}") from None

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def until_it_says(self, text: str) -> None:
        """Wait until this text is in the output."""
        self._until(lambda: text in self.output, f"it does not say {text!r}")

    def until_it_answers(self, url: str) -> None:
        """Wait until it answers with any HTTP response."""

        def answers() -> bool:
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return True
            except urllib.error.HTTPError:
                return True
            except OSError:
                return False

        self._until(answers, f"it does not answer at {url}")

    def _until(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert not self.has_ended, f"it ended at once:\n{self.output}"
            assert time.monotonic() < deadline, f"{otherwise}:\n{self.output}"
            time.sleep(0.02)


class Manage:
    """Starts commands with one `environment`, beside the variables of this process."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = environment
        self.program = [sys.executable, "-c", "from kit.cli import main; main()"]
        """How `manage` is started."""
        self._commands: list[Command] = []

    def start(self, *arguments: str, **environment: str) -> Command:
        """Start `manage arguments`."""
        return self.run(*self.program, *arguments, **environment)

    def run(self, *arguments: str, **environment: str) -> Command:
        """Start any program, for instance an engine's own command."""
        log = self.folder / f"{len(self._commands)}.log"
        command = Command(list(arguments), log, {**self.environment, **environment})
        self._commands.append(command)
        return command

    def serve(self, *options: str, **environment: str) -> tuple[Command, str]:
        """Start a web server, wait until it answers, and return it with its URL."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        web = self.start("serve", "--port", str(port), *options, BASE_URL=url, **environment)
        web.until_it_answers(f"{url}/healthz")
        return web, url

    def worker(self, *options: str, **environment: str) -> Command:
        return self.start("worker", *options, **environment)

    def scheduler(self, **environment: str) -> Command:
        return self.start("scheduler", **environment)

    def migrate(self, **environment: str) -> None:
        """Make the tables of a database other than that of the tests."""
        command = self.start("migrate", **environment)
        assert command.wait() == 0, command.output

    def end(self) -> None:
        """Kill all, and print what they wrote: pytest shows it if the test has failed."""
        for command in self._commands:
            command.kill()
            sys.stdout.write(f"--- {command.arguments[-4:]}:\n{command.output[-3000:]}\n")
