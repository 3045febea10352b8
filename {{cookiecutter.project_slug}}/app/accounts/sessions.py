"""Who is signed in, where, and until when.

A session is a row, and its token is 256 random bits of which the row keeps only the hash. A
signed or encrypted cookie could not be revoked before it expires. The browser's cookie and the
bearer token of an API client carry the same kind of token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from kit.database import utcnow
from sqlalchemy import and_, delete, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.errors import NoSuchSession
from app.accounts.models import LoginSession, User
from app.accounts.tokens import digest, generate

IDLE_LIFETIME = timedelta(days=14)
"""People who come back within two weeks stay signed in. A forgotten library computer does not."""
LONGEST_LIFETIME = timedelta(days=90)
"""Then they sign in again: even a stolen token that its thief keeps alive expires."""
TOUCH_EVERY = timedelta(minutes=1)
"""The precision of `last_seen_at`: reading a page must not cost a write each time."""


@dataclass(frozen=True)
class ClientInfo:
    """Where a request comes from."""

    ip: str
    user_agent: str
    cookie: str | None = None
    """The session that this browser has had so far."""
    device: str | None = None
    """The signed cookie of a device that has signed in before; see `known_devices.py`."""


class CurrentLogin(NamedTuple):
    """Who is signed in, and by which device."""

    user: User
    login: LoginSession


@dataclass(frozen=True)
class NewLogin:
    """A session that has just begun. Its token is nowhere else: hand it over now."""

    token: str
    expires_at: datetime
    user: User


async def start(db: AsyncSession, user: User, client: ClientInfo) -> NewLogin:
    """Sign a device in. The browser's session so far ends, and so do the user's stale ones.

    A token that an attacker planted in the browser is worthless afterwards.
    """
    stale = and_(col(LoginSession.user_id) == user.id, col(LoginSession.expires_at) <= utcnow())
    replaced = col(LoginSession.token_hash) == digest(client.cookie or "")
    await db.exec(delete(LoginSession).where(or_(stale, replaced)))
    token = generate()
    login = LoginSession(
        user_id=user.id,
        token_hash=digest(token),
        user_agent=client.user_agent,
        ip=client.ip,
        expires_at=utcnow() + IDLE_LIFETIME,
    )
    db.add(login)
    return NewLogin(token, login.expires_at, user)


async def find(db: AsyncSession, token: str) -> CurrentLogin | None:
    """Return the login with this token, unless it has ended or its user is inactive.

    Being used prolongs it.
    """
    statement = (
        select(User, LoginSession)
        .join(LoginSession, col(LoginSession.user_id) == User.id)
        .where(
            LoginSession.token_hash == digest(token),
            LoginSession.expires_at > utcnow(),
            col(User.is_active).is_(True),
        )
    )
    found = (await db.exec(statement)).first()
    if found is None:
        return None
    user, login = found
    if login.last_seen_at < utcnow() - TOUCH_EVERY:
        await _touch(db, login)
    return CurrentLogin(user, login)


async def list_of(db: AsyncSession, user: User) -> Sequence[LoginSession]:
    """The user's living sessions, the last used first."""
    statement = (
        select(LoginSession)
        .where(LoginSession.user_id == user.id, LoginSession.expires_at > utcnow())
        .order_by(col(LoginSession.last_seen_at).desc())
    )
    return (await db.exec(statement)).all()


async def get(db: AsyncSession, user: User, session_id: UUID) -> LoginSession:
    """One of the user's living sessions; raises NoSuchSession."""
    found = await db.get(LoginSession, session_id)
    if found is None or found.user_id != user.id or found.expires_at <= utcnow():
        raise NoSuchSession
    return found


async def end(db: AsyncSession, *tokens: str) -> None:
    """Sign out the devices that hold these tokens, if any do."""
    held = col(LoginSession.token_hash).in_([digest(token) for token in tokens])
    await db.exec(delete(LoginSession).where(held))


async def end_one(db: AsyncSession, user: User, session_id: UUID) -> None:
    """Sign out one of the user's devices; raises NoSuchSession."""
    own = and_(col(LoginSession.id) == session_id, col(LoginSession.user_id) == user.id)
    ended = await db.exec(delete(LoginSession).where(own))
    if not ended.rowcount:
        raise NoSuchSession


async def end_all(db: AsyncSession, user: User, *, but: LoginSession | None = None) -> None:
    """Sign out every device of the user, or every other one."""
    ended = delete(LoginSession).where(col(LoginSession.user_id) == user.id)
    await db.exec(ended.where(col(LoginSession.id) != but.id) if but else ended)


async def renew_token(db: AsyncSession, user: User, login: LoginSession) -> NewLogin:
    """Keep the session, with another token: a copy of the old one opens nothing any more."""
    token = generate()
    renewed = update(LoginSession).where(col(LoginSession.id) == login.id)
    await db.exec(renewed.values(token_hash=digest(token)))
    return NewLogin(token, login.expires_at, user)


async def _touch(db: AsyncSession, login: LoginSession) -> None:
    """Committed at once: no other request waits for the row until this one has ended."""
    time = utcnow()
    await db.exec(
        update(LoginSession)
        .where(col(LoginSession.id) == login.id)
        .values(
            last_seen_at=time,
            expires_at=min(time + IDLE_LIFETIME, login.created_at + LONGEST_LIFETIME),
        )
    )
    await db.commit()


async def delete_expired(db: AsyncSession) -> None:
    """Delete expired sessions."""
    await db.exec(delete(LoginSession).where(col(LoginSession.expires_at) <= utcnow()))
