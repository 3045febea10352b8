"""The tables: accounts, mailed links, signed-in devices."""

from datetime import datetime
from uuid import UUID, uuid4

from kit.database import utcnow
from sqlmodel import Field, SQLModel


class User(SQLModel, table=True):
    """A person with an account."""

    __tablename__ = "users"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    email: str = Field(max_length=254, unique=True)
    """Normalised (see `schemas.EmailAddress`), so that a plain unique column knows no case.

    254 is the longest address that fits the path of an SMTP command (RFC 5321, 4.5.3.1.3).
    """
    password_hash: str = Field(max_length=255, repr=False)
    """Empty: no password opens the account, until its owner has chosen one by a mailed link."""
    pending_email: str | None = Field(default=None, max_length=254)
    """The address that will replace `email` once its owner confirms it; see `changes.py`.

    Not unique: the first account to confirm it gets it.
    """
    full_name: str = Field(default="", max_length=100)
    is_active: bool = True
    is_superuser: bool = False
    verified_at: datetime | None = None
    """When the owner proved to read this address. None: they can't sign in yet."""
    registration_mailed_at: datetime = Field(default_factory=utcnow)
    """When the owner was last told that this address was registered."""
    created_at: datetime = Field(default_factory=utcnow)
    updated_at: datetime = Field(default_factory=utcnow, sa_column_kwargs={"onupdate": utcnow})


class AccountToken(SQLModel, table=True):
    """The trace of a link that was mailed; `tokens.py` says why it looks like this."""

    __tablename__ = "account_tokens"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    purpose: str = Field(max_length=20)
    token_hash: str = Field(max_length=64, unique=True, repr=False)
    sent_to: str = Field(max_length=254)
    expires_at: datetime
    created_at: datetime = Field(default_factory=utcnow)


class LoginSession(SQLModel, table=True):
    """One device that is signed in, by cookie or by bearer token; see `sessions.py`."""

    __tablename__ = "login_sessions"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    token_hash: str = Field(max_length=64, unique=True, repr=False)
    user_agent: str = Field(default="", max_length=255)
    ip: str = Field(default="", max_length=45)
    created_at: datetime = Field(default_factory=utcnow)
    last_seen_at: datetime = Field(default_factory=utcnow)
    expires_at: datetime
