"""The single-use tokens in the links that we mail.

A token is 256 random bits that only its recipient gets to see. The database keeps its
SHA-256, so a stolen copy of the table (a backup, an SQL injection) opens no account; unlike
a password, a random token can't be guessed, so a fast hash without salt is enough.

Tokens live in a table rather than being signed, because a signature can't be taken back:
a row can be used up once, and goes when its user does. Each is good for one purpose, and
for the one address that it was sent to: a link in an old mailbox does not vouch for a new one.

A job whose outcome was unknown sends its e-mail again, with a new token, for the first can't
be had back from its hash. So several may be alive, each works, and using one ends them all.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from secrets import token_urlsafe
from uuid import UUID

from kit.database import utcnow
from sqlalchemy import ColumnElement, delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.errors import InvalidToken
from app.accounts.models import AccountToken, User


class Purpose(StrEnum):
    """What a mailed link is good for."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105
    CHANGE_EMAIL = "change_email"


LIFETIMES = {
    # Registered on Friday, read on Monday. It only proves who reads the mailbox.
    Purpose.VERIFY_EMAIL: timedelta(days=4),
    # This one opens the account, so it must not lie in a mailbox for long. People wait for it;
    # an hour leaves room for servers that delay a first delivery (greylisting).
    Purpose.RESET_PASSWORD: timedelta(hours=1),
    # Its owner has just asked for it. One that went to a mistyped address, where a stranger
    # reads it, should not be good for long.
    Purpose.CHANGE_EMAIL: timedelta(hours=4),
}
"""Counted from when the e-mail is sent, not from when it was asked for."""


@dataclass(frozen=True)
class Proof:
    """Proof that the bearer of a token reads the mail of `sent_to`."""

    user_id: UUID
    sent_to: str


def generate() -> str:
    """256 random bits as 43 characters that fit a URL."""
    return token_urlsafe(32)


def digest(token: str) -> str:
    """What the database keeps of a token."""
    return sha256(token.encode()).hexdigest()


async def issue(
    db: AsyncSession, user: User, purpose: Purpose, *, sent_to: str | None = None
) -> str:
    """A new token for a link to `sent_to`, else the user's address; earlier ones stay good."""
    token = generate()
    db.add(
        AccountToken(
            user_id=user.id,
            purpose=purpose,
            token_hash=digest(token),
            sent_to=sent_to or user.email,
            expires_at=utcnow() + LIFETIMES[purpose],
        )
    )
    return token


async def read(db: AsyncSession, token: str, purpose: Purpose) -> Proof:
    """What a token proves, without using it up; raises InvalidToken."""
    found = (await db.exec(select(AccountToken).where(*_is_good(token, purpose)))).first()
    if found is None:
        raise InvalidToken
    return Proof(found.user_id, found.sent_to)


async def consume(db: AsyncSession, token: str, purpose: Purpose) -> Proof:
    """Use a token up, together with its user's others of the same purpose.

    Of two requests with one link exactly one wins: the other waits for the rows, and finds
    them deleted. The owner's row is locked first, as all code that changes an account does,
    or two that hold a part each would wait for ever. Raises InvalidToken.
    """
    owner = select(col(AccountToken.user_id)).where(*_is_good(token, purpose)).scalar_subquery()
    await db.exec(select(col(User.id)).where(col(User.id) == owner).with_for_update())
    used = (
        delete(AccountToken)
        .where(col(AccountToken.user_id) == owner, col(AccountToken.purpose) == purpose)
        .returning(
            col(AccountToken.token_hash), col(AccountToken.user_id), col(AccountToken.sent_to)
        )
        .execution_options(synchronize_session=False)
    )
    for token_hash, user_id, sent_to in await db.exec(used):
        if token_hash == digest(token):
            return Proof(user_id, sent_to)
    raise InvalidToken


async def owner(db: AsyncSession, proof: Proof) -> User:
    """Whose token it was, if the account still has that address; raises InvalidToken."""
    user = await db.get(User, proof.user_id)
    if user is None or not user.is_active or user.email != proof.sent_to:
        raise InvalidToken
    return user


async def delete_all(db: AsyncSession, user: User) -> None:
    """Make every link worthless that was ever mailed to the user."""
    await db.exec(delete(AccountToken).where(col(AccountToken.user_id) == user.id))


async def delete_expired(db: AsyncSession) -> None:
    """Delete what was never used in time."""
    expired = col(AccountToken.expires_at) <= utcnow()
    await db.exec(delete(AccountToken).where(expired))


def _is_good(token: str, purpose: Purpose) -> tuple[ColumnElement[bool], ...]:
    return (
        col(AccountToken.token_hash) == digest(token),
        col(AccountToken.purpose) == purpose,
        col(AccountToken.expires_at) > utcnow(),
    )
