"""What an e-mail is, how it is rendered, and how it leaves."""

from typing import TYPE_CHECKING, Any

from kit.mail.attachments import Attachment
from kit.mail.email import Email
from kit.mail.errors import PermanentMailError, TemporaryMailError
from kit.mail.sending import close, send

if TYPE_CHECKING:
    from kit.mail.message import Message

__all__ = [
    "Attachment",
    "Email",
    "Message",
    "PermanentMailError",
    "TemporaryMailError",
    "close",
    "send",
]


def __getattr__(name: str) -> Any:
    """`Message` brings Jinja along, which a process that sends nothing does not need."""
    if name != "Message":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kit.mail.message import Message

    return Message
