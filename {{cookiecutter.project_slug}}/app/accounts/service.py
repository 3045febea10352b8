"""What can be done with an account. Nothing here commits: the request does, once."""

from datetime import timedelta
from functools import cache

from pydantic import SecretStr
from sqlalchemy import Insert, bindparam, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app import ratelimit
from app.accounts import limits, sessions, tokens
from app.accounts.models import User
from app.accounts.password_policy import check_password
from app.accounts.passwords import hash_password, verify_password
from app.accounts.schemas import Register, UpdateAccount
from app.accounts.tasks import (
    send_already_registered_email,
    send_password_changed_email,
    send_reset_password_email,
    send_verification_email,
    send_welcome_email,
)
from app.accounts.tokens import Purpose
from app.database import utcnow

NOTICE_EVERY = timedelta(hours=1)
"""How often an owner is told at most that somebody registers the address again."""


async def register(session: AsyncSession, data: Register) -> None:
    """Make an account and welcome its owner, or tell the owner of the one that is there.

    The caller can't tell which: the answer is the same, the time nearly, for each way runs
    argon2 once, while no lock is held. Raises WeakPassword.
    """
    password = data.password.get_secret_value()
    check_password(password, email=data.email, full_name=data.full_name)
    known = await _find(session, data.email)
    await session.close()  # a queue for argon2 must not hold the pool's connections
    if known is None:
        user = User(
            email=data.email, full_name=data.full_name, password_hash=await hash_password(password)
        )
        if await _insert(session, user):
            await send_welcome_email.enqueue(session, user_id=user.id)
        else:  # somebody was faster, meanwhile: the same person, or a stranger. Hashes of two
            # salts can't be compared, so whoever loses this race, and nobody else, pays twice.
            await register(session, data)
    elif await _is_contested_by(password, known):
        await _contest(session, known)
    else:
        await _tell_owner(session, known)


async def create_superuser(
    session: AsyncSession, email: str, password: str, full_name: str = ""
) -> User:
    """Make an account that may do everything; an existing one gets the right and the password.

    Whatever opened that one so far ends: it was not meant to open this much.
    Raises WeakPassword, or pydantic.ValidationError for what is no address, name or password.
    """
    data = Register(email=email, password=SecretStr(password), full_name=full_name)
    check_password(password, email=data.email, full_name=data.full_name)
    user = await _find(session, data.email)
    user = user or User(email=data.email, full_name=data.full_name, password_hash="")
    user.password_hash = await hash_password(password)
    user.is_superuser = user.is_active = True
    user.verified_at = user.verified_at or utcnow()
    user.pending_email = None
    session.add(user)
    await session.flush()  # before the sessions: see `sign_in.py`
    await sessions.end_all(session, user)
    await tokens.delete_all(session, user)
    return user


async def verify_email(session: AsyncSession, token: str) -> User:
    """Note that the owner of the token reads the account's address; raises InvalidToken."""
    user = await tokens.owner(session, await tokens.consume(session, token, Purpose.VERIFY_EMAIL))
    user.verified_at = user.verified_at or utcnow()
    return user


async def resend_verification(session: AsyncSession, email: str) -> None:
    """Mail a new link to the address, if it waits for one."""
    if await ratelimit.allows(limits.VERIFICATION_EMAILS, email):
        await send_verification_email.enqueue(session, email=email)


async def request_password_reset(session: AsyncSession, email: str) -> None:
    """Mail a link to choose a new password, if somebody has an account with this address."""
    if await ratelimit.allows(limits.RESET_PASSWORD_EMAILS, email):
        await send_reset_password_email.enqueue(session, email=email)


async def reset_password(session: AsyncSession, token: str, password: str) -> User:
    """Set the password of whoever owns the token, and end all that the old one opened.

    The link came by e-mail, so the address is verified as well. Raises InvalidToken, or
    WeakPassword, which leaves the link good for another try.
    """
    user = await tokens.owner(session, await tokens.read(session, token, Purpose.RESET_PASSWORD))
    check_password(password, email=user.email, full_name=user.full_name)
    await session.close()  # as in `register`
    password_hash = await hash_password(password)
    user = await tokens.owner(session, await tokens.consume(session, token, Purpose.RESET_PASSWORD))
    user.password_hash = password_hash
    user.pending_email = None
    user.verified_at = user.verified_at or utcnow()
    await session.flush()  # before the sessions: see `sign_in.py`
    await sessions.end_all(session, user)
    await tokens.delete_all(session, user)
    await send_password_changed_email.enqueue(session, user_id=user.id)
    return user


async def update_account(session: AsyncSession, user: User, data: UpdateAccount) -> User:
    """Change what people may change of their account without further ado."""
    if "full_name" in data.model_fields_set:
        user.full_name = data.full_name
    session.add(user)
    return user


async def _find(session: AsyncSession, email: str) -> User | None:
    return (await session.exec(_BY_EMAIL, params={"email": email})).first()


# Put together once: that takes a fourth of the time of the whole query.
_BY_EMAIL = select(User).where(col(User.email) == bindparam("email"))


async def _insert(session: AsyncSession, user: User) -> bool:
    """Whether the user is in now; False if the address was taken, at the same moment even."""
    statement = _insert_unless_taken(session.get_bind().dialect.name)
    return (await session.exec(statement, params=user.model_dump())).rowcount == 1


@cache
def _insert_unless_taken(dialect: str) -> Insert:
    """`INSERT … ON CONFLICT DO NOTHING`, which SQLAlchemy has once per database."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    statement = insert(User.__table__).on_conflict_do_nothing(index_elements=["email"])  # type: ignore[attr-defined]
    return statement.execution_options(preserve_rowcount=True)  # else unknown for an INSERT


async def _is_contested_by(password: str, user: User) -> bool:
    """Whether this is not the password with which a newcomer registered the address.

    Of a verified account the password is none of a registration's business.
    """
    fits, _ = await verify_password(password, None if user.verified_at else user.password_hash)
    return not (fits or user.verified_at) and user.password_hash != ""


async def _contest(session: AsyncSession, user: User) -> None:
    """Two have registered one address: take the password away, and let the mailbox decide.

    Else a stranger could register an address first, and own the account as soon as its owner,
    registering as well, follows the only link that there is. Happens once, so the e-mail goes
    out at once; unless the owner was verified in this very moment.
    """
    contested = await session.exec(
        update(User)
        .where(
            col(User.id) == user.id,
            col(User.password_hash) == user.password_hash,
            col(User.verified_at).is_(None),
        )
        .values(password_hash="", full_name="", registration_mailed_at=utcnow())
        .execution_options(synchronize_session=False)
    )
    if contested.rowcount:
        await send_already_registered_email.enqueue(session, user_id=user.id)


async def _tell_owner(session: AsyncSession, user: User) -> None:
    """Tell the owner that the address was registered again, unless a mail went out just now.

    It writes in any case: without the disk's flush the answer would come sooner than for a
    new address. Of several at once, one finds the time as it was.
    """
    last = user.registration_mailed_at
    due = last < utcnow() - NOTICE_EVERY
    written = await session.exec(
        update(User)
        .where(col(User.id) == user.id, col(User.registration_mailed_at) == last)
        .values(registration_mailed_at=utcnow() if due else last)
        .execution_options(synchronize_session=False)
    )
    if due and written.rowcount:
        await send_already_registered_email.enqueue(session, user_id=user.id)
