from email.message import EmailMessage

import pytest
from kit.dev.compatibility import complaints
from kit.dev.reading import Letter

PAGE = '<html lang="en" dir="ltr"><head><style>{css}</style></head><body>{body}</body></html>'


def letter(body: str = "", css: str = "", text: str = "", page: str = PAGE) -> Letter:
    message = EmailMessage()
    message.set_content(text)
    message.add_alternative(page.format(body=body, css=css), subtype="html")
    return Letter(message)


def test_a_plain_mail_has_no_fault() -> None:
    link = "https://example.com/?a=1&b=2"
    body = f'<p style="margin: 0">Hello <a href="{link.replace("&", "&amp;")}">there</a></p>'
    css = "@media (max-width: 620px) { p { margin: 0 !important } }"
    assert complaints(letter(body, css, text=link)) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<form></form>", "<form>"),
        ("<video></video>", "<video>"),
        ("<svg></svg>", "<svg>"),
        ("<script></script>", "<script>"),
        ('<link rel="stylesheet" href="https://example.com/a.css">', "<link>"),
        ('<p onclick="x()">a</p>', "onclick="),
        ("<p hidden>a</p>", "hidden="),
        ('<p style="position: absolute">a</p>', "position:"),
        ('<p style="display: flex">a</p>', "display: flex"),
        ('<p style="display: inline-grid">a</p>', "display: inline-grid"),
        ('<p style="margin: 0 -4px">a</p>', "margin: 0 -4px"),
        ('<p style="float: left">a</p>', "float:"),
        ('<p style="color: var(--ink)">a</p>', "color: var(--ink)"),
        ('<p style="--ink: #000000">a</p>', "--ink:"),
        ('<p style="width: calc(1px + 1em)">a</p>', "width: calc"),
        ('<p style="background: url(https://example.com/a.png)">a</p>', "background: url"),
        ('<p style="font-size: 1rem">a</p>', "font-size: 1rem"),
        ('<img src="https://example.com/a.png" width="1" height="1">', "has no alt"),
        ('<img src="https://example.com/a.png" alt="">', "needs width and height"),
        ('<img src="/a.png" alt="" width="1" height="1">', "must be https"),
        ('<a href="https://example.com"></a>', "has no text"),
        ('<a href="/login">Sign in</a>', "must be absolute"),
        ('<a href="https://example.com">Home</a>', "is only in the HTML"),
    ],
)
def test_what_mail_programs_do_not_know_is_found_in_the_body(body: str, fault: str) -> None:
    assert any(fault in complaint for complaint in complaints(letter(body)))


@pytest.mark.parametrize(
    ("css", "fault"),
    [
        ('@import "https://example.com/a.css";', "@import"),
        ("@font-face { font-family: Ours }", "@font-face"),
        ("@keyframes spin { to { opacity: 1 } }", "@keyframes"),
        ("@media (max-width: 9px) { p { position: fixed } }", "position:"),
        ("@media (max-width: 9px) { p:first-child { color: #000 } }", "p:first-child"),
        ("@media (max-width: 9px) { p::after { color: #000 } }", "p::after"),
        (f"p {{ font-family: {'x' * 17_000} }}", "Gmail drops it"),
    ],
)
def test_what_mail_programs_do_not_know_is_found_in_what_stays_in_style(
    css: str, fault: str
) -> None:
    assert any(fault in complaint for complaint in complaints(letter(css=css)))


def test_a_mail_that_gmail_would_cut_off_is_found() -> None:
    [fault] = complaints(letter("x" * 100_001))
    assert "Gmail shows the first 102 kB only" in fault


def test_a_link_that_only_the_text_has_is_found() -> None:
    assert complaints(letter(text="See https://example.com/a")) == [
        "https://example.com/a: is only in the text"
    ]


def test_a_mail_without_language_and_direction_is_found() -> None:
    faults = complaints(letter(page="<html><style>{css}</style>{body}</html>"))
    assert [fault.split(";")[0] for fault in faults] == ["<html> has no lang", "<html> has no dir"]


@pytest.mark.parametrize("said", ["", "A draft"])
def test_a_preheader_that_adds_nothing_to_the_subject_is_found(said: str) -> None:
    draft = letter(f'<div class="preheader">{said}&#847;&zwnj;</div>')
    draft.message["Subject"] = "A draft"
    [fault] = complaints(draft)
    assert fault.startswith("block preheader")


def test_comments_are_not_looked_at() -> None:
    body = "<!--[if mso]><form style='position: absolute'><![endif]-->"
    assert complaints(letter(body, css="/* @import 'x' */")) == []


def test_a_fault_is_told_once() -> None:
    assert len(complaints(letter("<form></form><form></form>"))) == 1
