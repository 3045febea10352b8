"""A real browser on a real server: `uv run --group browser pytest tests/browser`."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def database() -> None:
    """Not needed here, where the server has its own. Playwright's loop bears no other beside it."""


@pytest.fixture
def clean() -> None:
    """Nothing to clean."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the application as `make run` starts it, with a var/ of its own."""
    folder = tmp_path_factory.mktemp("server")
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "ENVIRONMENT": "development",
        "PROJECT_NAME": "Browser test",
        "BASE_URL": url,
        "DATABASE_URL": f"sqlite:///{folder}/app.db",
        "MAIL_URL": "mailbox://",
        "TASKS_ENGINE": "inprocess",
        "PYTHONPATH": str(PROJECT),
        "PYTHONWARNINGS": "default",
    }
    subprocess.run(
        [sys.executable, "-c", "from app.migrations import migrate; migrate()"],
        cwd=folder,
        env=environment,
        check=True,
    )
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(port)]
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(f"{url}/healthz", process)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server did not start")


@pytest.fixture(scope="module")
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
        context = chromium.new_context(base_url=server, **options)
        context.set_default_timeout(15_000)
        context.on("console", listen)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        return context.new_page()

    yield open_browser
    for context in chromium.contexts:
        context.close()
    assert complaints == []
