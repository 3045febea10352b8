"""Signing in and out. Like `service.py`, nothing here commits."""

from kit.database import utcnow
from kit.passwords import verify_password
from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import limits, sessions, tokens
from app.accounts.errors import InvalidCredentials, WrongPassword
from app.accounts.models import User
from app.accounts.schemas import FirstSignIn, SignIn
from app.accounts.sessions import ClientInfo, NewLogin
from app.accounts.tokens import Purpose


async def sign_in(db: AsyncSession, data: SignIn, client: ClientInfo) -> NewLogin:
    """Begin a session; raises InvalidCredentials or TooManyAttempts."""
    await limits.check_sign_in(client, data.email)
    user = await _authenticate(db, data)
    return await sessions.start(db, user, client)


async def verify_and_sign_in(db: AsyncSession, data: FirstSignIn, client: ClientInfo) -> NewLogin:
    """Verify an address by its link and the account's password, and begin a session.

    The link alone is not enough: if a stranger registers your address, the link reaches you, and
    your click would open the account for the stranger, who knows its password. Raises
    InvalidToken; or WrongPassword or TooManyAttempts, after which the link still works.
    """
    user = await tokens.owner(db, await tokens.read(db, data.token, Purpose.VERIFY_EMAIL))
    await limits.check_sign_in(client, user.email)
    await db.close()  # as in `service._create`
    fits, new_hash = await verify_password(data.password.get_secret_value(), user.password_hash)
    if not fits:
        raise WrongPassword("password")
    await tokens.consume(db, data.token, Purpose.VERIFY_EMAIL)
    await _claim(db, user, new_hash or user.password_hash)
    user.verified_at = user.verified_at or utcnow()
    return await sessions.start(db, user, client)


async def sign_out(db: AsyncSession, *tokens: str) -> None:
    """End the sessions of these tokens, if there are any."""
    await sessions.end(db, *tokens)


async def _authenticate(db: AsyncSession, data: SignIn) -> User:
    user = (await db.exec(select(User).where(User.email == data.email))).first()
    await db.close()  # as in `service._create`
    fits, new_hash = await verify_password(
        data.password.get_secret_value(), user.password_hash if user else None
    )
    if not (user and fits and user.verified_at and user.is_active):
        raise InvalidCredentials
    await _claim(db, user, new_hash or user.password_hash)
    return user


async def _claim(db: AsyncSession, user: User, password_hash: str) -> None:
    """Lock the user, if the password is still the one that was verified, and renew its hash.

    If a reset came first, its password stays, and this sign-in is refused. A reset that comes
    now waits for the lock, then ends the session that is about to begin.
    """
    claimed = await db.exec(
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
    db.add(user)
