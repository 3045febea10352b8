from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from app.mail.emails import DeliveryTestEmail
from app.mail.previews import all_emails
from app.mail.reading import Letter
from app.mail.rendering import compose, render
from app.settings import settings
from tests.mail.emails import CarelessEmail, NoteEmail

STRICT = default.clone(raise_on_defect=True)
"""Raises on the first violation of the standards that the parser knows."""


def parse(message: EmailMessage) -> EmailMessage:
    parsed = message_from_bytes(message.as_bytes(), policy=STRICT)
    assert not [defect for part in parsed.walk() for defect in part.defects]
    return parsed


def note(name: str = "Ann", to: str = "ann@example.com") -> EmailMessage:
    return compose(NoteEmail(to=to, name=name), "abc@example.com")


@pytest.mark.parametrize("name", ["Ann", "Zoë", "O'Brien <script>", "名前", "x" * 5000])
def test_the_bytes_on_the_wire_have_no_defect(name: str) -> None:
    parsed = parse(note(name))
    assert parsed.get_content_type() == "multipart/alternative"
    assert "Content-Transfer-Encoding" not in parsed


def test_no_line_is_longer_than_rfc_5322_allows() -> None:
    assert max(map(len, note("x" * 5000).as_bytes().split(b"\r\n"))) <= 998


def test_the_text_comes_first_and_the_html_is_its_alternative() -> None:
    types = [part.get_content_type() for part in parse(note()).iter_parts()]
    assert types == ["text/plain", "text/html"]


def test_html_escapes_what_it_is_given_and_text_does_not() -> None:
    letter = Letter(parse(note("O'Brien <script>")))
    assert "Hello O'Brien <script>," in letter.text
    assert "<script>" not in letter.html
    assert "&lt;script&gt;" in letter.html


def test_a_link_with_an_ampersand_arrives_whole_in_both_parts() -> None:
    letter = Letter(parse(note()))
    link = "https://example.com/verify-email?a=1&token=abc"
    assert link in letter.text
    assert link in letter.links
    assert f'href="{link.replace("&", "&amp;")}"' in letter.html


def test_the_headers_say_who_what_and_when() -> None:
    message = parse(note())
    assert str(message["From"]) == str(compose(DeliveryTestEmail.sample(), "x@y.z")["From"])
    assert message["From"].addresses[0].display_name == settings.project_name
    assert message["To"] == "ann@example.com"
    assert message["Subject"] == f"Ann, a note from {settings.project_name}"
    assert message["Message-ID"] == "<abc@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.tzinfo is not None


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\0"])
def test_no_name_can_add_a_header(break_: str) -> None:
    message = parse(note(f"Ann{break_}Bcc: bob@example.com"))
    assert message["Bcc"] is None
    assert str(message["Subject"]).startswith("Ann Bcc: bob@example.com, a note")


def test_a_long_subject_is_folded_and_arrives_whole() -> None:
    assert str(parse(note("é" * 300))["Subject"]).startswith("é" * 300 + ", a note")


def test_a_variable_that_is_not_there_is_an_error_and_no_empty_place() -> None:
    with pytest.raises(UndefinedError, match="amount"):
        render(CarelessEmail(to="ann@example.com"))


def test_an_international_domain_is_written_in_its_ascii_form() -> None:
    assert note(to="ann@bücher.example.com")["To"] == "ann@xn--bcher-kva.example.com"


def test_an_international_local_part_stays_as_it_is() -> None:
    message = message_from_bytes(note(to="jörg@example.com").as_bytes(), policy=default)
    assert str(message["To"]) == "jörg@example.com"


def test_styles_are_inlined_and_the_rules_for_phones_and_dark_mode_stay() -> None:
    html = Letter(note()).html
    assert '<h1 style="' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media (max-width: 620px)" in html


@pytest.mark.parametrize("email", all_emails(), ids=lambda email: email.__name__)
class TestEveryEmailOfTheApp:
    """Whoever adds an e-mail has these tests at once."""

    def test_its_sample_renders_without_defect(self, email: type[NoteEmail]) -> None:
        message = parse(compose(email.sample(), "abc@example.com"))
        assert len(message.as_bytes()) <= 100_000
        assert message["Subject"]

    def test_its_links_also_stand_in_the_text(self, email: type[NoteEmail]) -> None:
        letter = Letter(compose(email.sample(), "abc@example.com"))
        assert all(link.rstrip("/") in letter.text for link in letter.links)

    def test_its_html_says_its_language_and_direction(self, email: type[NoteEmail]) -> None:
        letter = Letter(compose(email.sample(), "abc@example.com"))
        assert '<html lang="en" dir="ltr"' in letter.html


def test_templates_exist_in_pairs() -> None:
    for folder in templates_of_emails():
        stems = {path.stem for path in folder.glob("*.html")}
        assert stems == {path.stem for path in folder.glob("*.txt")}, folder


def templates_of_emails() -> list[Path]:
    return list(Path("app").glob("*/templates/emails"))
