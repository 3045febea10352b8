"""From an `Email` to what its reader sees: subject, HTML and text."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from kit.discovery import folders
from kit.mail.email import Email
from kit.mail.inlining import inline, mark
from kit.settings import settings

templates = FileSystemLoader(folders("templates"))


@dataclass(frozen=True)
class Rendered:
    """What the reader sees."""

    subject: str
    html: str
    text: str


def render(email: Email) -> Rendered:
    """Fill in subject and templates; raises jinja2.TemplateError, also for an unknown name."""
    subject = subject_of(email)
    context = _fields(email) | {"subject": subject}
    html = html_templates().get_template(f"emails/{email.template}.html").render(context)
    text = text_templates().get_template(f"emails/{email.template}.txt").render(context)
    return Rendered(subject, inline(html), re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")


def subject_of(email: Email) -> str:
    """The subject as the reader sees it."""
    return one_line(email.subject.format(**_fields(email)))


def one_line(value: str) -> str:
    """`value` without line breaks and control characters, so that no header can be added.

    Nor does it turn the direction of what follows, which makes `exe.pdf` of a `fdp.exe`.
    """
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", straight(value)).strip()


def straight(value: str) -> str:
    """`value` without the characters that reorder text beyond their own word.

    Hebrew and Arabic need none of them (https://www.unicode.org/reports/tr9, section 2).
    """
    return value if value.isascii() else _REORDERING.sub("", value)


_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def _fields(email: Email) -> dict[str, Any]:
    shared = {"project_name": settings.project_name, "base_url": settings.base_url}
    return shared | {name: getattr(email, name) for name in type(email).model_fields}


@cache
def html_templates() -> Environment:
    """They escape what they are given, and mark it for the inliner."""
    return _environment(autoescape=True, finalize=lambda value: mark(_plain(value)))


@cache
def text_templates() -> Environment:
    """They escape nothing: an `&amp;` in a link would break it."""
    return _environment(autoescape=False, finalize=_plain)


def _plain(value: object) -> object:
    return straight(value) if type(value) is str else value


def _environment(*, autoescape: bool, finalize: Callable[[object], object]) -> Environment:
    return Environment(
        loader=templates,
        autoescape=autoescape,  # noqa: S701 - the callers choose it by the kind of template
        finalize=finalize,
        undefined=StrictUndefined,
        auto_reload=not settings.is_production,
        trim_blocks=True,
        lstrip_blocks=True,
    )
