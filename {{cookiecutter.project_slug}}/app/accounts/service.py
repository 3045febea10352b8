"""What can be done with an account. Nothing here commits: the request does, once."""

from kit import ratelimit
from kit.database import insert_unless_taken, utcnow
from kit.passwords import check_password, hash_password
from pydantic import SecretStr
from sqlalchemy import bindparam
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import limits, sessions, tokens
from app.accounts.models import User
from app.accounts.registered_again import handle_taken_address
from app.accounts.schemas import Register, UpdateAccount
from app.accounts.sessions import ClientInfo
from app.accounts.tasks import (
    send_password_changed_email,
    send_reset_password_email,
    send_verification_email,
    send_welcome_email,
)
from app.accounts.tokens import Purpose


async def register(db: AsyncSession, data: Register, client: ClientInfo) -> None:
    """Create an account and welcome its owner; a taken address is its owner's business.

    The caller can't tell which: the answer is the same, and so nearly is the time, since either
    way runs argon2 once, while no lock is held. Raises WeakPassword or TooManyAttempts.
    """
    await limits.check_registration(client.ip)
    password = data.password.get_secret_value()
    check_password(password, email=data.email, full_name=data.full_name)
    while (user := await find_user(db, data.email)) is None:
        if await _create(db, data, password):
            return
        # Another request took the address while this one hashed: now it decides. Hashes with two
        # salts can't be compared, so the loser of this race, and only the loser, hashes twice.
    await handle_taken_address(db, user, password)


async def _create(db: AsyncSession, data: Register, password: str) -> bool:
    """Create an account and welcome its owner, unless the address is taken by now."""
    await db.close()  # a queue for argon2 must not hold the pool's connections
    password_hash = await hash_password(password)
    user = User(email=data.email, full_name=data.full_name, password_hash=password_hash)
    created = await insert_unless_taken(db, user, "email")
    if created:
        await send_welcome_email.enqueue(db, user.id)
    return created


async def create_superuser(
    db: AsyncSession, email: str, password: str, full_name: str = ""
) -> User:
    """Create an account that may do everything; an existing one gets the right and the password.

    Every session and link of that one ends: they were not meant to open this much.
    Raises WeakPassword, or pydantic.ValidationError for an invalid address, name or password.
    """
    data = Register(email=email, password=SecretStr(password), full_name=full_name)
    check_password(password, email=data.email, full_name=data.full_name)
    user = await find_user(db, data.email)
    user = user or User(email=data.email, full_name=data.full_name, password_hash="")
    user.password_hash = await hash_password(password)
    user.is_superuser = user.is_active = True
    user.verified_at = user.verified_at or utcnow()
    user.pending_email = None
    db.add(user)
    await db.flush()  # before the sessions: see `sign_in.py`
    await sessions.end_all(db, user)
    await tokens.delete_all(db, user)
    return user


async def verify_email(db: AsyncSession, token: str) -> User:
    """Note that the owner of the token reads the account's address; raises InvalidToken."""
    user = await tokens.owner(db, await tokens.consume(db, token, Purpose.VERIFY_EMAIL))
    user.verified_at = user.verified_at or utcnow()
    return user


async def resend_verification(db: AsyncSession, email: str, client: ClientInfo) -> None:
    """Mail a new link to the address, if it waits for one; raises TooManyAttempts."""
    await limits.check_email_request(client.ip)
    if await ratelimit.allows(limits.VERIFICATION_EMAILS, email):
        await send_verification_email.enqueue(db, email)


async def request_password_reset(db: AsyncSession, email: str, client: ClientInfo) -> None:
    """Mail a link to choose a new password, if the address has an account.

    Raises TooManyAttempts.
    """
    await limits.check_email_request(client.ip)
    if await ratelimit.allows(limits.RESET_PASSWORD_EMAILS, email):
        await send_reset_password_email.enqueue(db, email)


async def reset_password(db: AsyncSession, token: str, password: str, client: ClientInfo) -> User:
    """Set the password of the token's owner, and end all that the old one opened.

    The link came by e-mail, so the address is verified as well. Raises InvalidToken, or
    WeakPassword, which leaves the link good for another try.
    """
    user = await tokens.owner(db, await tokens.read(db, token, Purpose.RESET_PASSWORD))
    check_password(password, email=user.email, full_name=user.full_name)
    await db.close()  # as in `_create`
    password_hash = await hash_password(password)
    user = await tokens.owner(db, await tokens.consume(db, token, Purpose.RESET_PASSWORD))
    user.password_hash = password_hash
    user.pending_email = None
    user.verified_at = user.verified_at or utcnow()
    await db.flush()  # before the sessions: see `sign_in.py`
    await sessions.end_all(db, user)
    await tokens.delete_all(db, user)
    await send_password_changed_email.enqueue(db, user.id)
    await limits.forget_sign_ins(client, user.email)
    return user


async def update_account(db: AsyncSession, user: User, data: UpdateAccount) -> User:
    """Change what people may change of their account without their password."""
    if "full_name" in data.model_fields_set:
        user.full_name = data.full_name
    db.add(user)
    return user


async def find_user(db: AsyncSession, email: str) -> User | None:
    """Return the account of an address, which must be normalized, if there is one."""
    return (await db.exec(_BY_EMAIL, params={"email": email})).first()


# Put together once: that takes a fourth of the time of the whole query.
_BY_EMAIL = select(User).where(col(User.email) == bindparam("email"))
