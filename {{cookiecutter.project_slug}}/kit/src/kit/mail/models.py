"""The mail log: what became of every message."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlmodel import Field, SQLModel

from kit.database import utcnow


class MailOutcome(StrEnum):
    """What one try led to."""

    SENT = "sent"
    """The server has taken it; whether it reaches the reader is told by nobody."""
    RETRYING = "retrying"
    """Not this time; the job tries again."""
    REFUSED = "refused"
    """The server will never take it."""
    FAILED = "failed"
    """Not this time, and there is no other."""


class MailLog(SQLModel, table=True):
    """One try to hand one message over: no body, no subject, no link.

    It is kept for the time of `tasks.KEEP`, and does not end with the account: whoever asks
    "did you write to me, and why" often has none.
    """

    __tablename__ = "mail_log"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    recipient: str = Field(max_length=320, index=True)
    email: str = Field(max_length=100)
    """The name of the e-mail's class."""
    message_id: str = Field(max_length=320)
    outcome: str = Field(max_length=20)
    answer: str = Field(max_length=500)
    """The server's words, or why there were none."""
    job_id: UUID | None = Field(default=None)
    at: datetime = Field(default_factory=utcnow, index=True)
