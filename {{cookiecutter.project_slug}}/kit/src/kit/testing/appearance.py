"""What an e-mail looks like with its sample data, and what its readers could not see.

pytest.mark.parametrize("email", every_email())
"""

from kit.dev.compatibility import complaints
from kit.dev.previews import preview
from kit.dev.reading import Letter
from kit.mail import Email
from kit.mail.catalog import all_emails
from kit.mail.rendering import render
from kit.testing import contrast


def every_email() -> list[type[Email]]:
    """Return the e-mails of `app` and of kit."""
    return list(all_emails())


def sample(email: type[Email]) -> Letter:
    """Return the e-mail as it would be sent, with its sample data."""
    return preview(email.__name__)


def unsupported(email: type[Email]) -> list[str]:
    """Return what mail programs remove from the HTML, or do not draw."""
    return complaints(sample(email))


def too_faint(email: type[Email]) -> list[str]:
    """Return the words with less contrast than WCAG's level AA asks for."""
    return contrast.too_faint(render(email.sample()).html)


def too_faint_in_the_dark(email: type[Email]) -> list[str]:
    """The same for readers who prefer dark, with `prefers-color-scheme` and in Outlook."""
    html = render(email.sample()).html
    return [
        *contrast.too_faint(contrast.in_the_dark(html)),
        *contrast.too_faint(contrast.in_dark_outlook(html)),
    ]
