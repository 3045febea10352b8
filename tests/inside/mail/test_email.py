import pytest
from kit.mail import Email
from pydantic import ValidationError

from inside.mail.emails import NoteEmail


def test_missing_data_fails_where_the_email_is_made() -> None:
    with pytest.raises(ValidationError, match="name"):
        NoteEmail(to="ann@example.com")  # type: ignore[call-arg]


def test_unknown_data_fails_where_the_email_is_made() -> None:
    with pytest.raises(ValidationError, match="nmae"):
        NoteEmail(to="ann@example.com", name="Ann", nmae="Ann")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "ann@",
        "ann@example.com, bob@example.com",
        "ann@example.com\r\nBcc: bob@example.com",
        "ann@exam\0ple.com",
        "a" * 10_000 + "@example.com",
    ],
)
def test_what_is_not_one_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        NoteEmail(to=address, name="Ann")


def test_an_email_does_not_change_once_made() -> None:
    note = NoteEmail(to="ann@example.com", name="Ann")
    with pytest.raises(ValidationError):
        note.name = "Bob"  # type: ignore[misc]


def test_a_class_without_template_or_subject_is_refused_at_its_definition() -> None:
    with pytest.raises(TypeError, match="no subject and no template"):
        type("Bare", (Email,), {})


def test_a_subject_that_names_no_field_is_refused_at_the_definition() -> None:
    with pytest.raises(TypeError, match=r"\{amount\}"):
        type("Wrong", (Email,), {"template": "note", "subject": "You owe {amount}"})


def test_a_reply_to_that_is_no_address_is_refused_at_the_definition() -> None:
    with pytest.raises(TypeError, match=r"Wrong\.reply_to"):
        type(
            "Wrong", (Email,), {"template": "x", "subject": "x", "reply_to": "a@b.c\r\nBcc: x@y.z"}
        )
