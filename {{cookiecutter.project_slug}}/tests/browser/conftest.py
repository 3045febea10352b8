"""A real browser on a real server: `uv run --group browser pytest tests/browser`."""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from tests.browser import FORGETFUL, KNOWN, PASSWORD
from tests.commands import Running, manage_code, python, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These first: so all run in one process of pytest-xdist, which steals from the end."""
    items.sort(key=lambda item: Path(__file__).parent not in item.path.parents)


@pytest.fixture(scope="session")
def database() -> None:
    """Not needed here, where the server has its own. Playwright's loop bears no other beside it."""


@pytest.fixture
def clean() -> None:
    """Nothing to clean."""


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the application as `manage serve` starts it, with a var/ of its own."""
    folder = tmp_path_factory.mktemp("server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "ENVIRONMENT": "development",
        "KIT_DEV": "yes",  # with the mailbox, which only `manage dev` serves
        "PROJECT_NAME": "Browser test",
        "BASE_URL": url,
        "DATABASE_URL": f"sqlite:///{folder}/app.db",
        "MAIL_URL": "mailbox://",
        "TASKS_ENGINE": "inprocess",
        "SUPERUSER_PASSWORD": PASSWORD,
    }
    accounts = (["createsuperuser", "--email", email] for email in (KNOWN, FORGETFUL))
    for command in (["migrate"], *accounts):
        done = python(manage_code(*command), environment, folder=folder)
        assert done.returncode == 0, done.stderr
    with running(manage_code("serve", "--port", str(port)), environment, folder=folder) as process:
        _wait_for(f"{url}/healthz", process)
        yield url


def _wait_for(url: str, process: Running) -> None:
    while process.alive:
        try:
            urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(process.stderr)


@pytest.fixture(scope="package")
def chromium() -> "Iterator[Browser]":
    """The system's Chromium; nothing is downloaded."""
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


@pytest.fixture
def open_browser(chromium: "Browser", server: str) -> "Iterator[Callable[..., Page]]":
    """Opens a browser window with cookies of its own; at the end none may have complained."""
    complaints: list[str] = []

    def listen(message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning"):  # a refusal by the CSP is an error
            complaints.append(message.text)

    def open_browser(**options: Any) -> "Page":
        context = chromium.new_context(base_url=server, reduced_motion="reduce", **options)
        context.set_default_timeout(15_000)
        context.on("console", listen)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        return context.new_page()

    yield open_browser
    for context in chromium.contexts:
        context.close()
    assert complaints == []
