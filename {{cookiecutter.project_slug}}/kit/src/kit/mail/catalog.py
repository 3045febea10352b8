"""Every e-mail that there is."""

from collections.abc import Iterator

from kit.discovery import modules
from kit.mail.email import Email


def all_emails() -> list[type[Email]]:
    """The e-mails of every slice's `emails.py`, by name."""
    homes = {module.__name__ for module in modules("emails")}
    found = (email for email in _descendants(Email) if email.__module__ in homes)
    return sorted(found, key=lambda email: email.__name__)


def _descendants(email: type[Email]) -> Iterator[type[Email]]:
    for child in email.__subclasses__():
        yield child
        yield from _descendants(child)
