"""The project's own commands as processes, which tests stop, kill and ask.

python -m tests.services.processes ARGUMENTS    is `manage ARGUMENTS`, and knows the tests' tasks
"""

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

from tests.services.proxy import free_port

PROJECT = Path(__file__).parents[2]
PATIENCE = 60
"""Seconds until a wait for a command fails with its output: before pytest's own timeout does."""


class Command:
    """A command that runs in a session of its own, and writes to `log`."""

    def __init__(self, arguments: list[str], log: Path, environment: dict[str, str]) -> None:
        self.arguments, self.log = arguments, log
        with log.open("ab") as output:
            self._process = Popen(
                arguments,
                cwd=PROJECT,
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
        """SIGKILL for it and for its children, as when the machine's memory ran out."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM for it alone, as service managers send it; returns its exit code."""
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; returns its exit code, negative for a signal."""
        try:
            return self._process.wait(PATIENCE)
        except TimeoutExpired:
            raise AssertionError(f"it does not end:\n{self.output}") from None

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def until_it_says(self, text: str) -> None:
        """Wait until this is in its output."""
        self._until(lambda: text in self.output, f"it does not say {text!r}")

    def until_it_answers(self, url: str) -> None:
        """Wait for any HTTP response."""

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
    """Starts `manage …` with one environment for all of them."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = environment
        self._commands: list[Command] = []

    def start(self, *arguments: str, **environment: str) -> Command:
        """`manage arguments` that also knows the tasks in tests/tasks/jobs.py."""
        return self.run(sys.executable, "-m", "tests.services.processes", *arguments, **environment)

    def run(self, *arguments: str, **environment: str) -> Command:
        """Any command, for instance an engine's own."""
        log = self.folder / f"{len(self._commands)}.log"
        command = Command(list(arguments), log, {**self.environment, **environment})
        self._commands.append(command)
        return command

    def serve(self, *options: str, **environment: str) -> tuple[Command, str]:
        """A web server that answers, and its URL."""
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
        """For a database other than that of the tests."""
        command = self.start("migrate", **environment)
        assert command.wait() == 0, command.output

    def end(self) -> None:
        """Kill all; pytest shows what they wrote if the test has failed."""
        for command in self._commands:
            command.kill()
            sys.stdout.write(f"--- {command.arguments[-4:]}:\n{command.output[-3000:]}\n")


if __name__ == "__main__":
    from kit.cli import main

    import tests.services.jobs
    import tests.tasks.jobs  # noqa: F401

    main()
