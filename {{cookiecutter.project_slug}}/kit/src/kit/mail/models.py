"""The mail log: every attempt to send an e-mail."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlmodel import Field, SQLModel

from kit.database import utcnow


class MailOutcome(StrEnum):
    """What one try led to."""

    SENT = "sent"
    """Accepted by the server; delivery is not confirmed."""
    RETRYING = "retrying"
    """Not this time; the job tries again."""
    REFUSED = "refused"
    """The server will never take it."""
    FAILED = "failed"
    """Not accepted, and the job has no attempt left."""


class MailLog(SQLModel, table=True):
    """One try to hand one message over: no body, no subject, no link.

    It is kept for the time of `tasks.KEEP`, also when the account is deleted: people who ask "did
    you write to me, and why" often have none.
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
