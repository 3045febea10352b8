"""From an `Email` to the bytes that go over the wire.

The standard library's EmailMessage would take longer for its headers than all the rest takes:
it writes here only what is long, not ASCII, or the same for many e-mails. A strict parser must
find no defect in the result.
"""

from binascii import b2a_qp
from dataclasses import dataclass
from email.header import Header
from email.headerregistry import Address
from email.message import MIMEPart
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from hashlib import sha256

from email_validator import validate_email

from kit.database import utcnow
from kit.mail.attachments import Attachment
from kit.mail.email import Email
from kit.mail.rendering import one_line, render
from kit.settings import settings


@dataclass(frozen=True)
class Message:
    """A finished message, whole and in its parts: HTTP APIs take one or the other."""

    message_id: str
    """Without angle brackets."""
    sender: Address
    to: str
    """The bare address, as mail servers take it."""
    reply_to: str | None
    """An address, or `Name <address>`."""
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    raw: bytes
    """All of it, as RFC 5322 and 2046 want it, with CRLF."""

    @property
    def is_ascii(self) -> bool:
        """If not, the server must know SMTPUTF8 (RFC 6531)."""
        return self.to.isascii()


def compose(email: Email, message_id: str) -> Message:
    """Render the e-mail and put it together; raises jinja2.TemplateError."""
    rendered = render(email)
    to, reply_to = recipient(email.to), email.reply_to or settings.mail_reply_to
    headers = [
        _address_line("From", str(sender())),
        f"To: {to}\r\n",
        _address_line("Reply-To", reply_to) if reply_to else "",
        _subject_line(rendered.subject),
        f"Date: {format_datetime(utcnow())}\r\n",
        f"Message-ID: <{message_id}>\r\n",
        "Auto-Submitted: auto-generated\r\n",  # RFC 3834: no out-of-office answers, please
        "MIME-Version: 1.0\r\n",
    ]
    body = _multipart(
        "alternative",  # the text first: programs show the last part that they understand
        [_text_part("plain", rendered.text), _text_part("html", rendered.html)],
        boundary := sha256(message_id.encode()).hexdigest()[:24],
    )
    if email.attachments:
        files = [_file_part(attachment) for attachment in email.attachments]
        body = _multipart("mixed", [body, *files], f"{boundary}_")
    return Message(
        message_id=message_id,
        sender=sender(),
        to=to,
        reply_to=reply_to,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        attachments=email.attachments,
        raw="".join(headers).encode() + body,
    )


def sender() -> Address:
    """MAIL_FROM; without a name of its own it carries the project's."""
    return _address(settings.mail_from, one_line(settings.project_name))


def recipient(address: str) -> str:
    """The address as mail servers take it: an international domain in its ASCII form.

    A local part beyond ASCII stays; the server must then know SMTPUTF8 (RFC 6531).
    """
    local_part, _, domain = address.rpartition("@")
    if not domain.isascii():
        domain = validate_email(address, check_deliverability=False).ascii_domain
    return Address(username=local_part, domain=domain).addr_spec


@lru_cache
def _address(value: str, name: str = "") -> Address:
    own_name, address = parseaddr(value)
    return Address(own_name or name, addr_spec=address)


@lru_cache(256)  # all who get one e-mail mostly read the same sender and subject
def _address_line(name: str, value: str) -> str:
    return str(SMTP.fold(name, SMTP.header_factory(name, value)))


@lru_cache(256)
def _subject_line(value: str) -> str:
    """In lines of 78 characters at most; other than short and plain ASCII in encoded words.

    What looks like an encoded word was not meant as one, and is encoded too.
    """
    if value.isascii() and value.isprintable() and "=?" not in value and len(value) <= 65:
        return f"Subject: {value}\r\n"
    encoded = Header(value, "utf-8", maxlinelen=76, header_name="Subject").encode(linesep="\r\n")
    return f"Subject: {encoded}\r\n"


def _multipart(subtype: str, parts: list[bytes], name: str) -> bytes:
    """`=_` is in no quoted-printable and no base64 text, so no part ends early (RFC 2045, 6.7)."""
    boundary = f"=_{name}".encode()
    head = b'Content-Type: multipart/%s; boundary="%s"\r\n' % (subtype.encode(), boundary)
    inside = b"".join(b"\r\n--%s\r\n%s" % (boundary, part) for part in parts)
    return b"%s%s\r\n--%s--\r\n" % (head, inside, boundary)


def _text_part(subtype: str, content: str) -> bytes:
    """Quoted-printable: every server takes it, and people can read it."""
    lines = content.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    return (
        b"Content-Type: text/%s; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n%s"
    ) % (subtype.encode(), b2a_qp(lines.encode()))


def _file_part(attachment: Attachment) -> bytes:
    part = MIMEPart(policy=SMTP)
    maintype, _, subtype = attachment.media_type.partition("/")
    part.set_content(
        attachment.content,
        maintype,
        subtype,
        disposition="attachment",
        filename=attachment.name,
    )
    return part.as_bytes()
