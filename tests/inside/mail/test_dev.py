import re
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from kit.dev.mailbox import Mailbox
from kit.dev.reading import File
from kit.mail import send
from kit.settings import settings

from inside.mail.emails import NoteEmail

HTML = {"Accept": "text/html"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the app now keeps its mail in."""
    monkeypatch.setattr(settings, "mail_url", f"file://{tmp_path}")
    return tmp_path


async def note(name: str = "Ann") -> None:
    await send(NoteEmail(to="ann@example.com", name=name))


def ids(folder: Path) -> list[str]:
    return [file.stem for file in folder.glob("*.eml")]


def only_id(folder: Path) -> str:
    [id_] = ids(folder)
    return id_


async def test_an_empty_mailbox_says_so(client: httpx2.AsyncClient, folder: Path) -> None:
    answer = await client.get("/dev/mailbox")
    assert answer.status_code == 200
    assert "Nothing yet" in answer.text


async def test_the_newest_message_comes_first(client: httpx2.AsyncClient, folder: Path) -> None:
    await note("Ann")
    await note("Bob")
    page = (await client.get("/dev/mailbox")).text
    assert 0 < page.index("Bob, a note") < page.index("Ann, a note")


async def test_a_message_is_shown_in_every_way(client: httpx2.AsyncClient, folder: Path) -> None:
    await note("O'Brien <script>")
    url = f"/dev/mailbox/{only_id(folder)}"
    seen = {
        view: (await client.get(url, params={"view": view})).text
        for view in ("html", "text", "links", "headers", "source")
    }
    assert f'src="{url}/frame?scheme=light"' in seen["html"]
    assert "Hello O&#39;Brien &lt;script&gt;," in seen["text"]
    assert 'href="https://example.com/verify-email?a=1&amp;token=abc"' in seen["links"]
    assert "auto-generated" in seen["headers"]
    assert "Content-Transfer-Encoding: quoted-printable" in seen["source"]
    assert not any("<script>" in page for page in seen.values())


async def test_an_unknown_view_is_refused(client: httpx2.AsyncClient, folder: Path) -> None:
    await note()
    answer = await client.get(f"/dev/mailbox/{only_id(folder)}?view=x")
    assert answer.status_code == 422


async def test_the_html_of_a_message_can_run_nothing_and_reach_nothing(
    client: httpx2.AsyncClient, folder: Path
) -> None:
    await note()
    frame = await client.get(f"/dev/mailbox/{only_id(folder)}/frame")
    policy = frame.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox;")
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    page = await client.get(f"/dev/mailbox/{only_id(folder)}")
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text


async def test_links_in_a_message_open_outside_of_its_frame(
    client: httpx2.AsyncClient, folder: Path
) -> None:
    await note()
    frame = await client.get(f"/dev/mailbox/{only_id(folder)}/frame")
    assert '<head><base target="_blank">' in frame.text


async def test_the_pages_hold_no_inline_script_or_style(
    client: httpx2.AsyncClient, folder: Path
) -> None:
    await note()
    for url in ("/dev/mailbox", f"/dev/mailbox/{only_id(folder)}", "/dev/emails"):
        page = (await client.get(url)).text
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", page), url


@pytest.mark.parametrize(
    "id_",
    ["0" * 32, "..%2f..%2f.env", "%2e%2e", "..%5c..%5c.env", "*", "a" * 5000, "%00", "secret"],
)
async def test_what_is_no_message_is_not_found(
    client: httpx2.AsyncClient, folder: Path, id_: str
) -> None:
    (folder / "secret.eml").write_text("Subject: not ours\n\n")
    for url in (f"/dev/mailbox/{id_}", f"/dev/mailbox/{id_}/frame"):
        assert (await client.get(url)).status_code == 404
        assert (await client.get(url, headers=HTML)).status_code == 404


async def test_a_missing_message_is_a_page_for_browsers_and_a_problem_for_programs(
    client: httpx2.AsyncClient, folder: Path
) -> None:
    url = f"/dev/mailbox/{'0' * 32}"
    page = await client.get(url, headers=HTML)
    problem = await client.get(url)
    assert page.headers["Content-Type"].startswith("text/html")
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert problem.json()["title"] == "No such message"


async def test_a_message_can_be_deleted(client: httpx2.AsyncClient, folder: Path) -> None:
    await note("Ann")
    gone = only_id(folder)
    await note("Bob")
    answer = await client.post(f"/dev/mailbox/{gone}/delete")
    assert answer.status_code == 303
    assert only_id(folder) != gone
    assert (await client.get(f"/dev/mailbox/{gone}")).status_code == 404


async def test_deleting_reaches_nothing_but_messages(
    client: httpx2.AsyncClient, folder: Path
) -> None:
    (folder / "secret.eml").touch()
    await client.post("/dev/mailbox/secret/delete")
    assert (folder / "secret.eml").exists()


async def test_the_mailbox_can_be_cleared(client: httpx2.AsyncClient, folder: Path) -> None:
    await note("Ann")
    await note("Bob")
    assert (await client.post("/dev/mailbox/clear")).status_code == 303
    assert not ids(folder)


async def test_a_search_finds_the_messages_that_have_all_words(
    client: httpx2.AsyncClient, folder: Path
) -> None:
    await note("Ann")
    await note("Bob")
    page = (await client.get("/dev/mailbox", params={"q": "NOTE bob ann@example.com"})).text
    assert "Bob, a note" in page
    assert "Ann, a note" not in page
    assert 'value="NOTE bob ann@example.com"' in page


async def test_a_search_without_result_leads_back(client: httpx2.AsyncClient, folder: Path) -> None:
    await note()
    page = (await client.get("/dev/mailbox", params={"q": '"><script>'})).text
    assert "No message has all of these words" in page
    assert 'href="/dev/mailbox"' in page
    assert "<script>" not in page


async def keep_file(folder: Path, name: str, content: bytes = b"%PDF") -> str:
    """Put a message with an attachment into the mailbox; returns its URL."""
    message = EmailMessage()
    message["Subject"] = "With a file"
    message.set_content("See the file.")
    message.add_attachment(content, maintype="text", subtype="html", filename=name)
    id_ = "a" * 32
    (folder / f"{id_}.eml").write_bytes(message.as_bytes())
    return f"/dev/mailbox/{id_}"


async def test_attachments_are_told_in_the_list_and_in_the_message(
    client: httpx2.AsyncClient, folder: Path
) -> None:
    url = await keep_file(folder, "invoice 42.pdf", b"x" * 1500)
    assert "1 attached" in (await client.get("/dev/mailbox")).text
    page = (await client.get(url)).text
    assert f'href="{url}/files/1"' in page
    assert "invoice 42.pdf" in page
    assert "1.5 kB" in page


async def test_an_attachment_is_downloaded_and_never_shown(
    client: httpx2.AsyncClient, folder: Path
) -> None:
    url = await keep_file(folder, "page.html", b"<script>alert(1)</script>")
    answer = await client.get(f"{url}/files/1")
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''page.html"


@pytest.mark.parametrize(
    ("name", "saved_as"),
    [
        ("../../.env", "env"),
        ("C:\\evil.exe", "evil.exe"),
        ("Grüße.pdf", "Gr%C3%BC%C3%9Fe.pdf"),
        ('a";b.txt', "a%22%3Bb.txt"),
        ("fdp\u202eexe.pdf", "fdpexe.pdf"),
        ("a\r\nSet-Cookie: b.txt", "aSet-Cookie%3A%20b.txt"),
        ("..", "attachment"),
    ],
)
def test_the_name_of_an_attachment_can_do_nothing(name: str, saved_as: str) -> None:
    assert quote(File(name, "text/plain", b"").safe_name, safe="") == saved_as


@pytest.mark.parametrize("number", ["0", "2", "-1"])
async def test_an_attachment_that_is_not_there_is_not_found(
    client: httpx2.AsyncClient, folder: Path, number: str
) -> None:
    url = await keep_file(folder, "a.txt")
    assert (await client.get(f"{url}/files/{number}")).status_code == 404


async def test_each_link_stands_with_its_words_and_a_button_that_needs_javascript(
    client: httpx2.AsyncClient, folder: Path
) -> None:
    await note()
    page = (await client.get(f"/dev/mailbox/{only_id(folder)}?view=links")).text
    assert '<strong dir="auto">Confirm</strong>' in page
    [button] = re.findall(r"<button[^>]*verify-email[^>]*>", page)
    assert 'data-copy="https://example.com/verify-email?a=1&amp;token=abc"' in button
    assert " hidden" in button


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_message_is_shown_in_the_light_that_one_asks_for(
    client: httpx2.AsyncClient, folder: Path, scheme: str
) -> None:
    await note()
    frame = await client.get(f"/dev/mailbox/{only_id(folder)}/frame", params={"scheme": scheme})
    condition = "(min-width: 0)" if scheme == "dark" else "(max-width: 0)"
    assert f"@media {condition} {{" in frame.text
    assert "prefers-color-scheme" not in frame.text


async def test_the_page_hears_of_what_arrived_after_it_was_shown(
    client: httpx2.AsyncClient, folder: Path
) -> None:
    page = (await client.get("/dev/mailbox")).text
    events = re.search(r'data-events="([^"]+)"', page)
    await note()
    assert events
    answer = await client.get(events[1])
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert "data: changed" in answer.text


async def test_a_browser_that_reconnects_hears_only_of_what_is_new(
    client: httpx2.AsyncClient, folder: Path
) -> None:
    await note("Ann")
    seen = Mailbox(folder).stamp()
    await note("Bob")
    answer = await client.get("/dev/mailbox/events", headers={"Last-Event-ID": seen})
    assert f"id: {Mailbox(folder).stamp()}" in answer.text


async def test_the_mailbox_says_when_mail_goes_elsewhere(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "mail_url", "smtp://ann:hunter2@mail.example.com")
    page = (await client.get("/dev/mailbox")).text
    assert "MAIL_URL=mailbox://" in page
    assert "hunter2" not in page
    assert (await client.get(f"/dev/mailbox/{'0' * 32}")).status_code == 404


async def test_a_message_of_another_program_is_shown_too(
    client: httpx2.AsyncClient, folder: Path
) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{'0' * 32}.eml").write_bytes(b"Content-Type: text/plain\n\nonly text\n")
    assert "(no subject)" in (await client.get("/dev/mailbox")).text
    page = await client.get(f"/dev/mailbox/{only_id(folder)}")
    assert "no HTML part" in page.text
    assert (await client.get(f"/dev/mailbox/{only_id(folder)}/frame")).status_code == 200


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"To: a@[\n\nhello",
        b"Message-ID: <\n\nhello",
        b"Content-Type: text/plain; charset=nonsense\n\nhello \xe4",
        b"Content-Type: text/html; charset=punycode\n\nhello \xe4",
        b"Content-Type: text/plain; charset=utf-7\n\nhello +2AA-",
        b"Subject: \xff\n\nhello",
    ],
)
async def test_a_message_that_can_not_be_read_is_shown_with_its_source(
    client: httpx2.AsyncClient, folder: Path, source: bytes
) -> None:
    id_ = "0" * 32
    (folder / f"{id_}.eml").write_bytes(source)
    await note()
    page = (await client.get("/dev/mailbox")).text
    assert "Ann, a note" in page
    assert id_ in page
    for view in ("html", "text", "links", "headers", "source"):
        shown = await client.get(f"/dev/mailbox/{id_}", params={"view": view})
        assert shown.status_code == 200
    assert "hello" in shown.text or not source
    assert (await client.get(f"/dev/mailbox/{id_}/frame")).status_code == 200


async def test_in_development_every_page_leads_to_mailbox_and_previews(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "environment", "development")
    monkeypatch.setenv("KIT_DEV", "yes")
    page = (await client.get("/")).text
    footer = page[page.index("<footer") :]
    assert 'href="/dev/mailbox"' in footer
    assert 'href="/dev/emails"' in footer
