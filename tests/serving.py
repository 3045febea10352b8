"""Private servers, and a project's commands that run until a test has seen enough."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from conftest import Env
from containers import SHUTDOWN_TIMEOUT

PATIENCE = 180
"""Seconds until a command that is not ready counts as broken; Flower is installed in this time."""


class Servers:
    """PostgreSQL, Redis and a mail server, as kit.testing starts them."""

    PROGRAM = """
import json, sys, tempfile
from pathlib import Path
from kit.testing import PostgreSQL, Redis, SmtpSink

with tempfile.TemporaryDirectory() as postgresql, tempfile.TemporaryDirectory() as redis:
    started = PostgreSQL(Path(postgresql)), Redis(Path(redis)), SmtpSink()
    for server in started:
        server.start()
    print(json.dumps([server.url for server in started]), flush=True)
    for _ in sys.stdin:
        print(json.dumps([m["To"] for m in started[2].messages]), flush=True)
    started[1].kill()
    started[0].end()
"""

    def __init__(self, project: Path, env: Env) -> None:
        self._process = subprocess.Popen(
            [project / ".venv/bin/python", "-c", self.PROGRAM],
            cwd=project,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.database_url, self.broker_url, self.mail_url = self._answer()

    def mailed_to(self) -> list[str]:
        """The recipients of what the mail server has taken so far."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        with self._process as process:
            process.communicate(timeout=30)

    def _answer(self) -> list[str]:
        assert self._process.stdout
        answer: list[str] = json.loads(self._process.stdout.readline())
        return answer


class Running:
    """Long-lived commands, which must all end in peace when they are told to."""

    def __init__(self, cwd: Path, log: Path) -> None:
        self._cwd, self.log = cwd, log
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, command: list[str], env: Env) -> None:
        with self.log.open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    command,
                    cwd=self._cwd,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # a group, with what the command starts itself
                )
            )

    def stop(self) -> None:
        for process in self._processes:
            assert process.poll() is None, f"{process.args!r} ended:\n{self.log.read_text()}"
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            assert process.wait(timeout=2 * SHUTDOWN_TIMEOUT + 5) in (0, -signal.SIGTERM)

    def kill(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def until(self, done: Callable[[], bool]) -> None:
        """Return once it is so; fails with what the commands said when it is not in time."""
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)


def change_settings(env: Path, **settings: str) -> None:
    """Change lines of `.env`, as the README tells."""
    text = env.read_text()
    for name, value in settings.items():
        text, changed = re.subn(rf"^# {name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        assert changed == 1, name
    env.write_text(text)


def registers(port: int, email: str) -> bool:
    """Register; False if nobody answers yet."""
    body = json.dumps({"email": email, "password": "correct horse battery staple"}).encode()
    headers = {"Content-Type": "application/json"}
    url = f"http://127.0.0.1:{port}/api/v1/auth/register"
    status = answer(urllib.request.Request(url, data=body, headers=headers))
    assert status in (202, None)
    return status == 202


def answer(request: str | urllib.request.Request) -> int | None:
    """Its status; None if nobody answers."""
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None
