"""E-mails for these tests; their templates are beside them."""

from pathlib import Path
from typing import Self

from kit.mail import Email
from kit.mail.rendering import templates

templates.searchpath.append(str(Path(__file__).parent / "templates"))


class NoteEmail(Email):
    template = "note"
    subject = "{name}, a note from {project_name}"

    name: str
    link: str = "https://example.com/verify-email?a=1&token=abc"


class AnswerableEmail(NoteEmail):
    reply_to = "Orders <orders@example.com>"


class CarelessEmail(Email):
    """Its template asks for what it does not have."""

    template = "careless"
    subject = "Careless"

    @classmethod
    def sample(cls) -> Self:
        return cls(to="ann@example.com")


class BrokenEmail(CarelessEmail):
    """Its text template does not compile."""

    template = "broken"
