"""From an `Email` to the message that goes over the wire."""

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import localtime, parseaddr
from functools import cache
from typing import Any

from css_inline import CSSInliner
from email_validator import validate_email
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.discovery import folders
from app.mail.email import Email
from app.settings import settings

templates = FileSystemLoader(folders("templates"))
_inliner = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


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
    html = _html().get_template(f"emails/{email.template}.html").render(context)
    text = _text().get_template(f"emails/{email.template}.txt").render(context)
    return Rendered(subject, _inliner.inline(html), re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")


def subject_of(email: Email) -> str:
    """The subject as the reader sees it."""
    return one_line(email.subject.format(**_fields(email)))


def _fields(email: Email) -> dict[str, Any]:
    shared = {"project_name": settings.project_name, "base_url": settings.base_url}
    return shared | {name: getattr(email, name) for name in type(email).model_fields}


def compose(email: Email, message_id: str) -> EmailMessage:
    """The message as RFC 5322 and 2046 want it: the plain text first, the HTML as alternative.

    message_id: without angle brackets.
    """
    rendered = render(email)
    message = EmailMessage(policy=SMTP if email.to.isascii() else SMTPUTF8)
    message["From"] = sender()
    message["To"] = recipient(email.to)
    message["Subject"] = rendered.subject
    message["Date"] = localtime()
    message["Message-ID"] = f"<{message_id}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    return message


def one_line(value: str) -> str:
    """`value` without line breaks and control characters, so that no header can be added."""
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", value).strip()


def sender() -> Address:
    """MAIL_FROM; without a name of its own it carries the project's."""
    name, address = parseaddr(settings.mail_from)
    return Address(name or one_line(settings.project_name), addr_spec=address)


def recipient(address: str) -> Address:
    """The address as mail servers take it: an international domain in its ASCII form.

    A local part beyond ASCII stays; the server must then know SMTPUTF8 (RFC 6531).
    """
    local_part, _, domain = address.rpartition("@")
    if not domain.isascii():
        domain = validate_email(address, check_deliverability=False).ascii_domain
    return Address(username=local_part, domain=domain)


@cache
def _html() -> Environment:
    return _environment(autoescape=True)


@cache
def _text() -> Environment:
    return _environment(autoescape=False)


def _environment(**options: Any) -> Environment:
    """HTML escapes what it is given, plain text must not: `&` in a link would break it."""
    return Environment(  # noqa: S701 - the callers choose autoescape by the kind of template
        loader=templates,
        undefined=StrictUndefined,
        auto_reload=not settings.is_production,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
