"""Signing in and out. Like `service.py`, nothing here commits."""

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import limits, sessions, tokens
from app.accounts.errors import InvalidCredentials, WrongPassword
from app.accounts.models import User
from app.accounts.passwords import verify_password
from app.accounts.schemas import FirstSignIn, Login
from app.accounts.sessions import ClientInfo, SignedIn
from app.accounts.tokens import Purpose
from app.database import utcnow


async def sign_in(session: AsyncSession, data: Login, client: ClientInfo) -> SignedIn:
    """Begin a session; raises InvalidCredentials or TooManyAttempts."""
    await limits.check_sign_in(client.ip, data.email)
    user = await _authenticate(session, data)
    return await sessions.start(session, user, client)


async def verify_and_sign_in(
    session: AsyncSession, data: FirstSignIn, client: ClientInfo
) -> SignedIn:
    """Verify an address by its link and the account's password, and begin a session.

    With the link alone, whoever is mailed one because a stranger registered their address
    could open the account for that stranger, who knows its password. Raises InvalidToken,
    or what leaves the link good: WrongPassword, TooManyAttempts.
    """
    user = await tokens.owner(session, await tokens.read(session, data.token, Purpose.VERIFY_EMAIL))
    await limits.check_sign_in(client.ip, user.email)
    await session.close()  # as in `service.register`
    fits, new_hash = await verify_password(data.password.get_secret_value(), user.password_hash)
    if not fits:
        raise WrongPassword("password")
    await tokens.consume(session, data.token, Purpose.VERIFY_EMAIL)
    await _claim(session, user, new_hash or user.password_hash)
    user.verified_at = user.verified_at or utcnow()
    return await sessions.start(session, user, client)


async def sign_out(session: AsyncSession, *tokens: str) -> None:
    """End the sessions of these tokens, if there are any."""
    await sessions.end(session, *tokens)


async def _authenticate(session: AsyncSession, data: Login) -> User:
    user = (await session.exec(select(User).where(User.email == data.email))).first()
    await session.close()  # as in `service.register`
    fits, new_hash = await verify_password(
        data.password.get_secret_value(), user.password_hash if user else None
    )
    if not (user and fits and user.verified_at and user.is_active):
        raise InvalidCredentials
    await _claim(session, user, new_hash or user.password_hash)
    return user


async def _claim(session: AsyncSession, user: User, password_hash: str) -> None:
    """Lock the user, if the password is still the one that was verified, and renew its hash.

    A reset that came meanwhile is over: its password stays, and no session outlives it. One
    that comes now waits for the lock, and then ends the session that is about to begin.
    """
    claimed = await session.exec(
        update(User)
        .where(
            col(User.id) == user.id,
            col(User.password_hash) == user.password_hash,
            col(User.is_active).is_(True),
        )
        .values(password_hash=password_hash, updated_at=col(User.updated_at))
        .execution_options(synchronize_session=False)
    )
    if not claimed.rowcount:
        raise InvalidCredentials
    session.add(user)
