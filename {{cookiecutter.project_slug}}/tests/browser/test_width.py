from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.service

PAGES = [
    *("/", "/register", "/login", "/verify-email", "/confirm-email"),
    *("/forgot-password", "/reset-password"),
    *("/dev/mailbox", "/dev/emails", "/dev/emails/WelcomeEmail"),
]


def test_no_page_is_wider_than_a_phone(open_browser: Callable[..., "Page"]) -> None:
    browser = open_browser(viewport={"width": 320, "height": 640})

    def width(page: str) -> int:
        browser.goto(page)
        found: int = browser.evaluate("document.documentElement.scrollWidth")
        return found

    assert {page: width(page) for page in PAGES} == dict.fromkeys(PAGES, 320)
