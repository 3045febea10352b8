import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Self
from uuid import uuid4

import httpx2
import pytest
from kit.mail import Email
from kit.mail.rendering import templates
from kit.settings import settings

Write = Callable[[str], None]

TEMPLATE = """{% extends "mail/layout.html" %}
{% block content %}
<p>HERE</p>
{% endblock %}
"""


class DraftEmail(Email):
    """Somebody is still writing it.

    This is not shown.
    """

    template = "draft"
    subject = "A draft"

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ann@example.com")


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the HTML of DraftEmail, which the previews have during this test."""
    name = f"draft_{uuid4().hex}"
    folder = tmp_path / "emails"
    folder.mkdir()
    (folder / f"{name}.txt").write_text('{% extends "mail/layout.txt" %}')
    monkeypatch.setattr(DraftEmail, "__module__", "kit.mail.emails")
    monkeypatch.setattr(DraftEmail, "template", name)
    monkeypatch.setattr(templates, "searchpath", [*templates.searchpath, str(tmp_path)])
    clock = iter(range(1_000_000_000, 2_000_000_000))

    def write(content: str) -> None:
        path = folder / f"{name}.html"
        path.write_text(TEMPLATE.replace("HERE", content))
        os.utime(path, (now := next(clock), now))

    return write


async def test_the_previews_are_listed_with_their_subjects(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/dev/emails")).text
    assert f"E-mail from {settings.project_name} works" in page
    assert "{project_name}" not in page


async def test_every_email_has_a_preview(client: httpx2.AsyncClient) -> None:
    overview = (await client.get("/dev/emails")).text
    names = re.findall(r'href="/dev/emails/(\w+)"', overview)
    assert "DeliveryTestEmail" in names
    for name in names:
        for url in (f"/dev/emails/{name}", f"/dev/emails/{name}/frame"):
            assert (await client.get(url)).status_code == 200, url


async def test_an_unknown_preview_is_not_found(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/dev/emails/NoSuchEmail")).status_code == 404


async def test_the_list_shows_each_email_with_what_it_is_for(
    client: httpx2.AsyncClient, write: Write
) -> None:
    write("Hello")
    page = (await client.get("/dev/emails")).text
    assert "Somebody is still writing it." in page
    assert "This is not shown." not in page
    assert '<iframe src="/dev/emails/DraftEmail/frame"' in page


async def test_what_all_emails_are_is_not_said_of_one_without_words_of_its_own(
    client: httpx2.AsyncClient, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("Hello")
    monkeypatch.setattr(DraftEmail, "__doc__", None)
    first_line = (Email.__doc__ or "").partition("\n")[0]
    assert first_line
    assert first_line not in (await client.get("/dev/emails")).text


async def test_a_changed_template_shows_at_reload(client: httpx2.AsyncClient, write: Write) -> None:
    write("before")
    assert "before" in (await client.get("/dev/emails/DraftEmail/frame")).text
    write("after")
    assert "after" in (await client.get("/dev/emails/DraftEmail/frame")).text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{{ amount }}", "&#39;amount&#39; is undefined"),
        ("{% block %}", "TemplateSyntaxError"),
        ("{% include 'mail/nothing.html' %}", "There is no template mail/nothing.html"),
        ("{{ 1 / 0 }}", "division by zero"),
    ],
)
async def test_a_template_that_does_not_render_is_shown_with_the_place_to_mend(
    client: httpx2.AsyncClient, write: Write, content: str, words: str
) -> None:
    write(content)
    answer = await client.get("/dev/emails/DraftEmail")
    assert answer.status_code == 500
    assert words in answer.text
    assert f"{DraftEmail.template}.html</code>, line 3." in answer.text
    assert '<li aria-current="true"><code>&lt;p&gt;' in answer.text


async def test_a_template_that_is_missing_is_asked_for(
    client: httpx2.AsyncClient, write: Write
) -> None:
    page = (await client.get("/dev/emails/DraftEmail")).text
    assert f"Write its template kit/mail/templates/emails/{DraftEmail.template}.html." in page
    assert "mail/emails.py</code>, line 1." in page


async def test_the_first_template_of_a_slice_is_found_without_a_restart() -> None:
    """Loaders that keep a list look into folders that were not there when it was made."""
    from kit.discovery import folders, root

    home = root() / "home"
    assert home / "never" in folders("never")


async def test_sample_data_that_is_wrong_is_shown_with_its_place(
    client: httpx2.AsyncClient, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sample() -> DraftEmail:
        return DraftEmail(to="nobody")

    write("Hello")
    monkeypatch.setattr(DraftEmail, "sample", sample)
    page = (await client.get("/dev/emails/DraftEmail")).text
    assert "ValidationError" in page
    assert "DraftEmail(to=&#34;nobody&#34;)" in page


async def test_a_broken_email_does_not_hide_the_others(
    client: httpx2.AsyncClient, write: Write
) -> None:
    write("{% block %}")
    answer = await client.get("/dev/emails")
    assert answer.status_code == 200
    assert "does not render" in answer.text
    assert f"E-mail from {settings.project_name} works" in answer.text


async def test_what_mail_programs_will_not_draw_is_told(
    client: httpx2.AsyncClient, write: Write
) -> None:
    write('<span style="position: absolute">Hello</span>')
    page = (await client.get("/dev/emails/DraftEmail")).text
    assert "position: Gmail removes it" in page


async def test_a_variable_that_the_sample_does_not_come_upon_is_told(
    client: httpx2.AsyncClient, write: Write
) -> None:
    write("{{ amount if false else '' }}")
    page = (await client.get("/dev/emails/DraftEmail")).text
    assert "DraftEmail has no &#39;amount&#39;" in page


async def test_an_email_is_shown_as_on_a_desk_and_in_a_hand(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/dev/emails/DeliveryTestEmail?scheme=dark")).text
    frames = re.findall(r'src="(/dev/emails/DeliveryTestEmail/frame\?scheme=dark)"', page)
    assert len(frames) == 2
    assert "kB" in page


async def test_no_page_holds_inline_script_or_style(
    client: httpx2.AsyncClient, write: Write
) -> None:
    write("{{ amount }}")
    for name in ("", "/DraftEmail", "/DeliveryTestEmail"):
        page = (await client.get(f"/dev/emails{name}")).text
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", page), name
