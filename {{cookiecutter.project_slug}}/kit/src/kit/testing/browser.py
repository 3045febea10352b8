"""A real browser on a real server, as fixtures."""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.request import urlopen

import pytest

from kit.testing.forked import Running, manage_code, python, running
from kit.testing.proxy import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page


@dataclass(frozen=True)
class LiveServer:
    """The application as `manage serve` starts it."""

    url: str
    folder: Path
    """The current folder of its processes, with their `var/`."""
    environment: dict[str, str]

    def manage(self, *arguments: str, **environment: str) -> None:
        """Run `manage` on the data of the server. Fail if it does."""
        code, variables = manage_code(*arguments), self.environment | environment
        done = python(code, variables, folder=self.folder)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The application behind a port, with a database and a mailbox of its own. One per run.

    Its ENVIRONMENT is development. It runs jobs itself, and shows e-mails at /dev/mailbox.
    """
    folder, port = tmp_path_factory.mktemp("server"), str(free_port())
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "ENVIRONMENT": "development",
        "KIT_DEV": "yes",  # with the mailbox, which only `manage dev` serves
        "PROJECT_NAME": "Browser test",
        "BASE_URL": url,
        "DATABASE_URL": f"sqlite:///{folder}/app.db",
        "MAIL_URL": "mailbox://",
        "TASKS_ENGINE": "inprocess",
    }
    server = LiveServer(url, folder, environment)
    server.manage("migrate")
    with running(manage_code("serve", "--port", port), environment, folder=folder) as process:
        _until_it_answers(f"{url}/healthz", process)
        yield server


def _until_it_answers(url: str, process: Running) -> None:
    while process.alive:
        try:
            urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(process.stderr)


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """The system's Chromium; nothing is downloaded. Skips without it, or without Playwright.

    One per module, which must not hold async tests: Playwright has an event loop of its own.
    """
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("there is no chromium on this machine")
    arguments = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


class OpenBrowser(Protocol):
    def __call__(self, **options: Any) -> "Page": ...


@pytest.fixture
def open_browser(chromium: "Browser", live_server: LiveServer) -> Iterator[OpenBrowser]:
    """`page = open_browser()` opens a window at `live_server`, with its own cookies.

    The options are those of Playwright's `new_context`: `java_script_enabled=False`. At the end
    of the test no window may have logged an error, for instance a refusal by the CSP.
    """
    complaints: list[str] = []

    def listen(message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def open_browser(**options: Any) -> "Page":
        context = chromium.new_context(base_url=live_server.url, reduced_motion="reduce", **options)
        context.set_default_timeout(15_000)
        context.on("console", listen)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        return context.new_page()

    yield open_browser
    for context in chromium.contexts:
        context.close()
    assert complaints == []
