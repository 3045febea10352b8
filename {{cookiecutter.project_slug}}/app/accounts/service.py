"""What can be done with an account. Nothing here commits: the request does, once."""

from datetime import timedelta
from functools import cache

from pydantic import SecretStr
from sqlalchemy import Insert, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app import ratelimit
from app.accounts import sessions, tokens
from app.accounts.errors import EmailNotVerified, InvalidCredentials, InvalidToken
from app.accounts.models import User
from app.accounts.password_policy import check_password
from app.accounts.passwords import hash_password, verify_password
from app.accounts.schemas import Login, Register, UpdateAccount
from app.accounts.sessions import ClientInfo, SignedIn
from app.accounts.tasks import (
    send_already_registered_email,
    send_verification_email,
    send_welcome_email,
)
from app.accounts.tokens import Purpose
from app.database import utcnow
from app.ratelimit import Limit

# A person mistypes a few times; a guesser is left with less than 15,000 tries a day.
SIGN_INS_FROM_ONE_CLIENT = Limit("sign-in-client", 10, per=timedelta(minutes=1))
# A guesser with many addresses: slowed down as well. The owner may have to wait, up to an hour.
SIGN_INS_TO_ONE_ACCOUNT = Limit("sign-in-account", 100, per=timedelta(hours=1))
# Above it the mailbox is spared, silently: the answer is the same for every address.
VERIFICATION_EMAILS = Limit("verification-email", 5, per=timedelta(hours=1))

NOTICE_EVERY = timedelta(hours=1)
"""How often an owner is told at most that somebody registers the address again."""


async def register(session: AsyncSession, data: Register) -> None:
    """Make an account and welcome its owner, or tell the owner of the one that is there.

    The caller can't tell which: the answer is the same, the time nearly. Hashing comes first
    and always, while no lock is held; then the database alone decides who was first.
    Raises WeakPassword.
    """
    password = data.password.get_secret_value()
    check_password(password, email=data.email, full_name=data.full_name)
    user = User(
        email=data.email, full_name=data.full_name, password_hash=await hash_password(password)
    )
    if await _insert(session, user):
        await send_welcome_email.enqueue(session, user_id=user.id)
    else:
        await _tell_owner(session, data.email)


async def create_superuser(
    session: AsyncSession, email: str, password: str, full_name: str = ""
) -> User:
    """Make an account that may do everything; an existing one gets the right and the password.

    Raises WeakPassword, or pydantic.ValidationError for what is no address, name or password.
    """
    data = Register(email=email, password=SecretStr(password), full_name=full_name)
    check_password(password, email=data.email, full_name=data.full_name)
    user = (await session.exec(select(User).where(User.email == data.email))).first()
    user = user or User(email=data.email, full_name=data.full_name, password_hash="")
    user.password_hash = await hash_password(password)
    user.is_superuser = user.is_active = True
    user.verified_at = user.verified_at or utcnow()
    session.add(user)
    return user


async def verify_email(session: AsyncSession, token: str) -> User:
    """Note that the owner of the token reads the account's address; raises InvalidToken."""
    proof = await tokens.consume(session, token, Purpose.VERIFY_EMAIL)
    user = await session.get(User, proof.user_id)
    if user is None or user.email != proof.sent_to:
        raise InvalidToken
    user.verified_at = user.verified_at or utcnow()
    return user


async def resend_verification(session: AsyncSession, email: str) -> None:
    """Mail a new link to the address, if it waits for one."""
    if await ratelimit.allows(VERIFICATION_EMAILS, email):
        await send_verification_email.enqueue(session, email=email)


async def sign_in(session: AsyncSession, data: Login, client: ClientInfo) -> SignedIn:
    """Begin a session. Raises InvalidCredentials, TooManyAttempts, or, only when the password
    was right, EmailNotVerified.
    """
    await ratelimit.check(SIGN_INS_FROM_ONE_CLIENT, ratelimit.network(client.ip), data.email)
    await ratelimit.check(SIGN_INS_TO_ONE_ACCOUNT, data.email)
    user = await _authenticate(session, data)
    if user.verified_at is None:
        raise EmailNotVerified
    return await sessions.start(session, user, client)


async def sign_out(session: AsyncSession, token: str) -> None:
    """End the session of this token, if there is one."""
    await sessions.end(session, token)


async def update_account(session: AsyncSession, user: User, data: UpdateAccount) -> User:
    """Change what people may change of their account without further ado."""
    user.full_name = data.full_name
    session.add(user)
    return user


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


async def _tell_owner(session: AsyncSession, email: str) -> None:
    """Tell the owner that the address was registered again, unless a mail went out just now.

    It writes in any case: without the disk's flush the answer would come sooner than for a
    new address. Of several at once, one finds the time as it was.
    """
    user = (await session.exec(select(User).where(User.email == email))).one()
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


async def _authenticate(session: AsyncSession, data: Login) -> User:
    user = (await session.exec(select(User).where(User.email == data.email))).first()
    await session.close()  # a queue for argon2 must not hold the pool's connections
    fits, new_hash = await verify_password(
        data.password.get_secret_value(), user.password_hash if user else None
    )
    if not (user and fits and user.is_active):
        raise InvalidCredentials
    session.add(user)
    if new_hash:
        user.password_hash = new_hash
    return user
