from pathlib import Path

import pytest
from jinja2 import UndefinedError
from kit.mail.catalog import all_emails
from kit.mail.checks import problems
from kit.mail.message import compose
from kit.mail.rendering import Rendered, render

from inside.mail.emails import BrokenEmail, CarelessEmail, NoteEmail
from inside.mail.test_message import parse


def note(name: str = "Ann") -> Rendered:
    return render(NoteEmail(to="ann@example.com", name=name))


def test_html_escapes_what_it_is_given_and_text_does_not() -> None:
    rendered = note("O'Brien <script>")
    assert "Hello O'Brien <script>," in rendered.text
    assert "<script>" not in rendered.html
    assert "&lt;script&gt;" in rendered.html


@pytest.mark.parametrize("mark", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_no_name_turns_the_direction_of_what_follows(mark: str) -> None:
    rendered = note(f"Ann{mark} Lee")
    for place in (rendered.subject, rendered.text, rendered.html):
        assert mark not in place
        assert "Ann Lee" in place


def test_hebrew_and_arabic_names_stay_as_they_are() -> None:
    rendered = note("\u200fדנה\u200f ,سلمى")
    assert "\u200fדנה\u200f ,سلمى" in rendered.html
    assert "\u200fדנה\u200f ,سلمى" in rendered.text


def test_a_variable_that_is_not_there_is_an_error_and_no_empty_place() -> None:
    with pytest.raises(UndefinedError, match="amount"):
        render(CarelessEmail(to="ann@example.com"))


def test_styles_are_inlined_and_the_rules_for_phones_and_dark_mode_stay() -> None:
    html = note().html
    assert '<h1 style="' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media (max-width: 620px)" in html


@pytest.mark.parametrize("email", all_emails(), ids=lambda email: email.__name__)
class TestEveryEmailOfTheApp:
    """Whoever adds an e-mail has these tests at once."""

    def test_its_templates_compile_and_know_all_their_variables(
        self, email: type[NoteEmail]
    ) -> None:
        assert not problems([email])

    def test_its_sample_has_no_defect(self, email: type[NoteEmail]) -> None:
        message = compose(email.sample(), "abc@example.com")
        assert parse(message)["Subject"]
        assert len(message.raw) <= 100_000


def test_a_template_that_does_not_compile_is_named_with_its_line() -> None:
    [problem] = problems([BrokenEmail])
    assert problem.startswith("emails/broken.txt, line 2: ")


def test_a_variable_is_missed_where_the_sample_never_comes() -> None:
    [problem] = problems([CarelessEmail])
    assert problem == "emails/careless.html: CarelessEmail has no 'amount'"


def test_templates_exist_in_pairs() -> None:
    for folder in templates_of_emails():
        stems = {path.stem for path in folder.glob("*.html")}
        assert stems == {path.stem for path in folder.glob("*.txt")}, folder


def templates_of_emails() -> list[Path]:
    return list(Path("app").glob("*/templates/emails"))
