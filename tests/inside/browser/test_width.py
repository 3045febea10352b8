from typing import TYPE_CHECKING

import pytest
from kit.testing import OpenBrowser

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.service

PAGES = [
    *("/", "/register", "/login", "/verify-email", "/confirm-email"),
    *("/forgot-password", "/reset-password"),
    *("/dev/mailbox", "/dev/emails", "/dev/emails/WelcomeEmail"),
]


def test_no_page_is_wider_than_a_phone(open_browser: OpenBrowser) -> None:
    browser = open_browser(viewport={"width": 320, "height": 640})

    def width(page: str) -> int:
        browser.goto(page)
        found: int = browser.evaluate("document.documentElement.scrollWidth")
        return found

    assert {page: width(page) for page in PAGES} == dict.fromkeys(PAGES, 320)
