"""Pictures of every e-mail with its sample data, as a browser shows it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kit.mail.catalog import all_emails
from kit.mail.rendering import render

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDTHS = {"desktop": 760, "phone": 375}
"""In CSS pixels: a reading pane, and the narrower half of today's phones."""
SCHEMES = ("light", "dark")


class BrowserMissing(Exception):
    """There is nothing to take pictures with."""


def take(folder: Path) -> Iterator[Path]:
    """Write and yield `<folder>/<class>-<width>-<scheme>.png`, one after the other.

    No script runs and nothing is loaded from the network, as in a careful mail program.
    Raises BrowserMissing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise BrowserMissing(
            "playwright is missing: uv run --group browser manage mail screenshots"
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=_arguments())
        for email in all_emails():
            html = render(email.sample()).html
            yield from _pictures(browser, html, folder / email.__name__)


def _pictures(browser: "Browser", html: str, path: Path) -> Iterator[Path]:
    for name, width in WIDTHS.items():
        page = browser.new_page(
            viewport={"width": width, "height": 200},
            device_scale_factor=2,
            java_script_enabled=False,
            offline=True,
        )
        page.set_content(html)
        for scheme in SCHEMES:
            picture = path.with_name(f"{path.name}-{name}-{scheme}.png")
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.screenshot(path=picture, full_page=True)
            yield picture
        page.close()


def _chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise BrowserMissing("there is no Chromium or Chrome on the PATH")
    return path


def _arguments() -> list[str]:
    """Chromium refuses its sandbox to root, which is who runs things in many containers."""
    return ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
