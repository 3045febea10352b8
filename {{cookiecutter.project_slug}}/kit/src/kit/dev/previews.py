"""Every e-mail there is, with its sample data, and what is wrong with those that don't render."""

import traceback
from dataclasses import dataclass
from inspect import getfile
from pathlib import Path
from typing import ClassVar

from jinja2 import TemplateNotFound, TemplateSyntaxError

from kit.dev.compatibility import complaints
from kit.dev.reading import Letter
from kit.errors import AppError
from kit.mail.catalog import all_emails
from kit.mail.checks import problems
from kit.mail.email import Email
from kit.mail.errors import NoSuchMessage
from kit.mail.message import compose


@dataclass(frozen=True)
class Card:
    """An e-mail in the list; one that does not render says why instead of its subject."""

    name: str
    slice: str
    about: str
    subject: str = ""
    broken: str = ""


class BrokenEmail(AppError):
    """An e-mail that can't be shown, and the place to mend."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "This e-mail does not render"

    def __init__(self, email: type[Email], error: Exception) -> None:
        super().__init__(_words(email, error))
        self.name = email.__name__
        self.file, self.line = _place(email, error)

    @property
    def excerpt(self) -> list[tuple[int, str]]:
        """The lines around the fault, with their numbers."""
        try:
            lines = self.file.read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        around = range(max(1, self.line - 4), min(len(lines), self.line + 4) + 1)
        return [(number, lines[number - 1]) for number in around]


def cards() -> list[Card]:
    """All e-mails; a broken one does not hide the others."""
    return [_card(email) for email in all_emails()]


def preview(name: str) -> Letter:
    """The e-mail of this class name as it would arrive; raises NoSuchMessage or BrokenEmail."""
    return _letter(_named(name))


def faults(name: str, letter: Letter) -> list[str]:
    """What the sample did not come upon in the templates, and what mail programs do not know."""
    return [*problems([_named(name)]), *complaints(letter)]


def _named(name: str) -> type[Email]:
    for email in all_emails():
        if email.__name__ == name:
            return email
    raise NoSuchMessage(f"No e-mail class is named {name}.")


def _card(email: type[Email]) -> Card:
    name, slice_ = email.__name__, _slice(email)
    about = (email.__doc__ or "").strip().partition("\n")[0]  # its own; getdoc would inherit
    try:
        return Card(name, slice_, about, subject=_letter(email).subject)
    except BrokenEmail as error:
        return Card(name, slice_, about, broken=error.detail)


def _letter(email: type[Email]) -> Letter:
    try:
        return Letter.parse(compose(email.sample(), "preview@example.com").raw)
    except Exception as error:  # whatever its class or its templates get wrong
        raise BrokenEmail(email, error) from error


def _words(email: type[Email], error: Exception) -> str:
    if not isinstance(error, TemplateNotFound):
        return f"{type(error).__name__}: {error}"
    if error.name and error.name.startswith(f"emails/{email.template}."):
        return f"Write its template {_package(email)}/templates/{error.name}."
    return f"There is no template {error.name} in the folder templates of any slice."


def _place(email: type[Email], error: Exception) -> tuple[Path, int]:
    """Where to look: the template, else `sample`, else the class."""
    if isinstance(error, TemplateSyntaxError) and error.filename:
        return Path(error.filename), error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    templates = [frame for frame in frames if frame.filename.endswith((".html", ".txt"))]
    samples = [frame for frame in frames if frame.name == "sample"]
    if templates or samples:
        frame = (templates or samples)[-1]
        return Path(frame.filename), frame.lineno or 1
    path, start = Path(getfile(email)), f"class {email.__name__}("
    lines = path.read_text(encoding="utf-8").splitlines()
    return path, next((n for n, line in enumerate(lines, 1) if line.startswith(start)), 1)


def _slice(email: type[Email]) -> str:
    return email.__module__.split(".")[1]


def _package(email: type[Email]) -> str:
    """The folder of its slice: `app/accounts`."""
    return "/".join(email.__module__.split(".")[:2])
