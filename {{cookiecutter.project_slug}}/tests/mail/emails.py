"""E-mails for these tests; their templates are beside them."""

from pathlib import Path

from app.mail import Email
from app.mail.rendering import templates

templates.searchpath.append(str(Path(__file__).parent / "templates"))


class NoteEmail(Email):
    template = "note"
    subject = "{name}, a note from {project_name}"

    name: str
    link: str = "https://example.com/verify-email?a=1&token=abc"


class CarelessEmail(Email):
    """Its template asks for what it does not have."""

    template = "careless"
    subject = "Careless"
