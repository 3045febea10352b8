"""The pages about mail, as far as they need a browser."""

from typing import TYPE_CHECKING

import pytest
from kit.testing import OpenBrowser

if TYPE_CHECKING:
    pass

pytestmark = pytest.mark.service


def test_a_link_is_copied_by_keyboard(open_browser: OpenBrowser) -> None:
    page = open_browser(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/dev/emails/WelcomeEmail?view=links")
    page.get_by_role("button", name="Copy Confirm my address").press("Enter")
    page.get_by_text("Copied").wait_for()
    assert "/verify-email?token=sample" in page.evaluate("navigator.clipboard.readText()")


def test_without_javascript_links_stand_as_a_list(open_browser: OpenBrowser) -> None:
    page = open_browser(java_script_enabled=False)
    page.goto("/dev/emails/WelcomeEmail?view=links")
    page.get_by_role("link", name="/verify-email?token=sample").wait_for()
    assert page.get_by_role("button", name="Copy").count() == 0


def test_the_previews_can_be_walked_by_keyboard(open_browser: OpenBrowser) -> None:
    page = open_browser()
    page.goto("/dev/emails")
    page.get_by_role("link", name="Mailbox").first.focus()
    page.keyboard.press("Tab")
    first = page.locator(":focus")
    assert first.inner_text().endswith("Email")
    first.press("Enter")
    page.get_by_role("navigation", name="Ways to look at the message").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_preview_has_the_colours_that_one_asks_for(
    open_browser: OpenBrowser, scheme: str
) -> None:
    """Whatever the browser itself prefers."""
    page = open_browser(color_scheme="light" if scheme == "dark" else "dark")
    page.goto(f"/dev/emails/WelcomeEmail?scheme={scheme}")
    heading = page.frame_locator("iframe").first.get_by_role("heading")
    colour = heading.evaluate("element => getComputedStyle(element).color")
    assert colour == ("rgb(232, 236, 232)" if scheme == "dark" else "rgb(26, 33, 30)")
