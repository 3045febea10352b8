"""What an e-mail is, how it is rendered, and how it leaves."""

from app.mail.attachments import Attachment
from app.mail.email import Email
from app.mail.sending import close, send

__all__ = ["Attachment", "Email", "close", "send"]
