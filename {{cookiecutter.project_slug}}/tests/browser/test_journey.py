"""The way of a person, in a browser: `uv run --group browser pytest tests/browser`."""

from typing import TYPE_CHECKING

import pytest
from kit.testing import OpenBrowser

from tests.accounts.fixtures import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.service


def register(page: "Page", email: str) -> None:
    page.goto("/register")
    page.get_by_label("Name").fill("Anna Lindqvist")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_role("heading", name="Check your inbox").wait_for()


def follow_link_in_mail(page: "Page", email: str) -> "Page":
    """Open the newest e-mail to this address, and press its button, which opens a new tab."""
    page.get_by_role("link").filter(has_text=email).first.click()
    with page.expect_popup() as popup:
        link = page.frame_locator("iframe").first.get_by_role("link", name="Confirm").first
        link.press("Enter")  # a click would be lost while the frame scrolls
    return popup.value


def verify(page: "Page") -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm and sign in").click()
    page.get_by_text("Your address is confirmed").wait_for()
    page.get_by_role("heading", name="Hello, Anna Lindqvist").wait_for()


def test_a_person_registers_sees_the_mail_arrive_verifies_and_signs_in(
    open_browser: OpenBrowser,
) -> None:
    email = "anna@example.com"
    mailbox = open_browser()
    mailbox.goto("/dev/mailbox")

    register(mailbox.context.new_page(), email)
    tab = follow_link_in_mail(mailbox, email)  # the mailbox reloads itself
    verify(tab)

    tab.get_by_label("Name").fill("Anna L.")
    tab.get_by_role("button", name="Save").click()
    tab.get_by_text("Saved.").wait_for()
