"""Every e-mail there is, with its sample data."""

from collections.abc import Iterator

from app.discovery import modules
from app.mail.email import Email
from app.mail.errors import NoSuchMessage
from app.mail.reading import Letter


def all_emails() -> list[type[Email]]:
    """The e-mails of every slice's `emails.py`, by name."""
    homes = {module.__name__ for module in modules("emails")}
    found = (email for email in _descendants(Email) if email.__module__ in homes)
    return sorted(found, key=lambda email: email.__name__)


def subjects() -> dict[str, str]:
    """The name of each e-mail's class, and its subject."""
    from app.mail.rendering import subject_of

    return {email.__name__: subject_of(email.sample()) for email in all_emails()}


def preview(name: str) -> Letter:
    """The e-mail of this class name as it would arrive; raises NoSuchMessage."""
    from app.mail.message import compose

    for email in all_emails():
        if email.__name__ == name:
            return Letter.parse(compose(email.sample(), "preview@example.com").raw)
    raise NoSuchMessage(f"No e-mail class is named {name}.")


def _descendants(email: type[Email]) -> Iterator[type[Email]]:
    for child in email.__subclasses__():
        yield child
        yield from _descendants(child)
