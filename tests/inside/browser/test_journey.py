"""From the front page to the account, as a person goes."""

from typing import TYPE_CHECKING

import pytest
from kit.testing import OpenBrowser

from inside.browser import FORGETFUL, KNOWN
from tests.accounts.fixtures import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.service


def register(page: "Page", email: str) -> None:
    page.goto("/")
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("Name").fill("Anna Lindqvist")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("heading", name="Check your inbox").wait_for()


def follow_link_in_mail(page: "Page", email: str, button: str = "Confirm") -> "Page":
    """Open the newest mail to this address, and press its button; it opens a new tab."""
    page.get_by_role("link").filter(has_text=email).first.click()
    with page.expect_popup() as popup:
        link = page.frame_locator("iframe").first.get_by_role("link", name=button).first
        link.press("Enter")  # a click into a frame that has just been scrolled to can be lost
    return popup.value


def verify(page: "Page") -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm and sign in").click()
    page.get_by_text("Your address is confirmed").wait_for()
    page.get_by_role("heading", name="Hello, Anna Lindqvist").wait_for()


def test_signing_out_leads_to_the_front_page(open_browser: OpenBrowser) -> None:
    page = open_browser()
    page.goto("/login")
    page.get_by_label("E-mail address").fill(KNOWN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("banner").get_by_role("button", name="Sign out").click()
    page.get_by_text("You are signed out").wait_for()


def test_all_of_it_works_without_javascript(open_browser: OpenBrowser) -> None:
    email = "without-javascript@example.com"
    page = open_browser(java_script_enabled=False)

    register(page, email)
    page.get_by_role("link", name="Open the development mailbox").click()
    while not page.get_by_role("link").filter(has_text=email).count():
        page.reload()
    verify(follow_link_in_mail(page, email))


def test_the_keyboard_is_enough(open_browser: OpenBrowser) -> None:
    email = "keyboard@example.com"
    page = open_browser()
    register(page, email)
    page.goto("/dev/mailbox")
    tab = follow_link_in_mail(page, email)
    tab.get_by_label("Password").and_(tab.locator(":focus")).wait_for()
    tab.keyboard.type(PASSWORD)
    tab.keyboard.press("Enter")

    tab.get_by_role("heading", name="Hello, Anna Lindqvist").wait_for()
    tab.keyboard.press("Tab")
    assert tab.locator(":focus").inner_text() == "Skip to the content"


def test_a_forgotten_password_is_replaced(open_browser: OpenBrowser) -> None:
    page = open_browser(java_script_enabled=False)
    page.goto("/login")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail address").fill(FORGETFUL)
    page.get_by_role("button", name="Send me a link").click()
    page.get_by_role("link", name="Open the development mailbox").click()
    while not page.get_by_role("link").filter(has_text=FORGETFUL).count():
        page.reload()
    tab = follow_link_in_mail(page, FORGETFUL, button="Choose")
    tab.get_by_label("New password").fill("five grey geese at dusk")
    tab.get_by_role("button", name="Set the new password").click()

    tab.get_by_text("Your new password is set").wait_for()
    tab.get_by_label("E-mail address").fill(FORGETFUL)
    tab.get_by_label("Password").fill("five grey geese at dusk")
    tab.get_by_role("button", name="Sign in").click()
    tab.get_by_role("heading", name="Your account").wait_for()


def test_the_documentation_of_the_api_signs_in(open_browser: OpenBrowser) -> None:
    page = open_browser()
    page.goto("/docs")
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_label("username:").fill(KNOWN)
    page.get_by_label("password:").fill(PASSWORD)
    page.locator(".modal-ux button.authorize").click()

    page.locator(".modal-ux").get_by_text("Authorized").wait_for()
    assert page.evaluate("localStorage.length") == 0
