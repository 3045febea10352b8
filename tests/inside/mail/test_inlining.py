"""What is inlined once for many must be what would have been inlined for each."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from css_inline import CSSInliner
from jinja2 import DictLoader, Environment
from kit.mail import inlining
from kit.mail.catalog import all_emails
from kit.mail.inlining import END, START, inline
from kit.mail.rendering import html_templates, render

from inside.mail.emails import NoteEmail

STYLE = "<style>p { margin: 0 } .loud { color: red } a[title] { color: blue }</style>"

_PIECES = re.split(r"\{# (.+) #\}\n", Path(__file__).with_name("layouts.html").read_text("utf-8"))
TEMPLATES = {
    name: text.rstrip("\n") for name, text in zip(_PIECES[1::2], _PIECES[2::2], strict=True)
}
VALUES = ["Ann", "loud", 'O\'Brien & <b>"x"</b>', "", "名前", "red", "&amp;", f"{START}0{END}"]


class Events(HTMLParser):
    """What a reader of the HTML meets, however its characters are escaped."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[Any] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.seen.append(tag)

    def handle_data(self, data: str) -> None:
        if self.seen and isinstance(self.seen[-1], list):
            self.seen[-1][0] += data
        else:
            self.seen.append([data])


def whole(marked: str) -> str:
    """As it was done before: the finished HTML through the inliner."""
    inliner = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
    return inliner.inline(marked.replace(START, "").replace(END, ""))


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_is_as_if_each_mail_had_been_inlined_whole(name: str) -> None:
    templates = Environment(
        autoescape=True, finalize=inlining.mark, loader=DictLoader({"": STYLE + TEMPLATES[name]})
    )
    for a in VALUES:
        for b in ("", "loud", "<i>"):
            many = range(len(a))
            marked = templates.get_template("").render(a=a, b=b, many=many, html=f"<p>{a}</p>")
            assert Events(inline(marked)).seen == Events(whole(marked)).seen


@pytest.mark.parametrize("email", all_emails(), ids=lambda email: email.__name__)
def test_the_samples_of_the_app_are_as_if_inlined_whole(email: type[NoteEmail]) -> None:
    sample = email.sample()
    context = dict(sample) | {"project_name": "A & B", "base_url": "https://x", "subject": "<x>"}
    marked = html_templates().get_template(f"emails/{email.template}.html").render(context)
    assert Events(inline(marked)).seen == Events(whole(marked)).seen


def test_one_layout_is_inlined_once_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    render(NoteEmail(to="ann@example.com", name="Ann"))
    before = inlining._inlined.cache_info().misses
    for name in ("Bob", "Zoë <script>", ""):
        assert "margin: 0" in render(NoteEmail(to="bob@example.com", name=name)).html
    assert inlining._inlined.cache_info().misses == before


def test_layouts_that_never_repeat_do_not_fill_the_memory() -> None:
    for number in range(inlining.LAYOUTS + 50):
        inline(f"<p>{number}</p>")
    assert inlining._inlined.cache_info().currsize == inlining.LAYOUTS


def test_no_mark_is_left_in_what_is_sent() -> None:
    html = render(NoteEmail(to="ann@example.com", name=f"A{START}n{END}n")).html
    assert "Hello Ann" in html
    assert START not in html
    assert END not in html
