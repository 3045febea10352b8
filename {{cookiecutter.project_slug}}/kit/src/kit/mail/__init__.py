"""What an e-mail is, how it is rendered, and how it leaves."""

from kit.mail.attachments import Attachment
from kit.mail.email import Email
from kit.mail.sending import close, send

__all__ = ["Attachment", "Email", "close", "send"]
