"""Every e-mail has these tests, a new one too."""

import pytest
from kit.mail import Email
from kit.testing import every_email, sample, too_faint, too_faint_in_the_dark, unsupported

pytestmark = pytest.mark.parametrize("email", every_email(), ids=lambda email: email.__name__)


def test_nothing_in_it_is_beyond_mail_programs(email: type[Email]) -> None:
    assert unsupported(email) == []


def test_its_words_can_be_read_on_light_paper(email: type[Email]) -> None:
    assert too_faint(email) == []


def test_its_words_can_be_read_in_the_dark(email: type[Email]) -> None:
    assert too_faint_in_the_dark(email) == []


def test_its_subject_is_short_enough_for_a_list_of_mails(email: type[Email]) -> None:
    assert 0 < len(sample(email).subject) <= 70
