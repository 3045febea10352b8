"""Whoever adds an e-mail has these tests at once."""

import pytest
from kit.dev.compatibility import complaints
from kit.dev.previews import preview
from kit.dev.reading import Letter
from kit.mail import Email
from kit.mail.catalog import all_emails
from kit.mail.rendering import render
from kit.testing.contrast import in_dark_outlook, in_the_dark, too_faint

pytestmark = pytest.mark.parametrize("email", all_emails(), ids=lambda email: email.__name__)


@pytest.fixture
def letter(email: type[Email]) -> Letter:
    return preview(email.__name__)


def test_nothing_in_it_is_beyond_mail_programs(letter: Letter) -> None:
    assert complaints(letter) == []


def test_its_words_can_be_read_on_light_paper(email: type[Email]) -> None:
    assert too_faint(render(email.sample()).html) == []


def test_its_words_can_be_read_in_the_dark(email: type[Email]) -> None:
    html = render(email.sample()).html
    assert too_faint(in_the_dark(html)) == []
    assert too_faint(in_dark_outlook(html)) == []


def test_its_subject_is_short_enough_for_a_list_of_mails(letter: Letter) -> None:
    assert 0 < len(letter.subject) <= 70
