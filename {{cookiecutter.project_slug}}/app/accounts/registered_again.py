"""A registration with an address that has an account: only its owner learns of it, by e-mail."""

from datetime import timedelta

from kit.database import utcnow
from kit.passwords import verify_password
from sqlalchemy import update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from app.accounts.tasks import send_already_registered_email

NOTICE_EVERY = timedelta(hours=1)
"""At most one notice in this time, however often the address is registered."""


async def handle_taken_address(db: AsyncSession, user: User, password: str) -> None:
    """Tell the owner, or let the mailbox decide between two who both claim the address.

    It runs argon2 once, as a registration does, so that the time of the answer tells nothing.
    """
    await db.close()  # as in `service._create`
    if await _is_contested(user, password):
        await _contest(db, user)
    else:
        await _tell_owner(db, user)


async def _is_contested(user: User, password: str) -> bool:
    """Whether a newcomer registered the address with another password.

    For a verified account the submitted password is ignored.
    """
    fits, _ = await verify_password(password, None if user.verified_at else user.password_hash)
    return not (fits or user.verified_at) and user.password_hash != ""


async def _contest(db: AsyncSession, user: User) -> None:
    """Two people have registered one address: drop the password, and let the mailbox decide.

    Otherwise a stranger could register an address first, and own the account as soon as its owner,
    who registers as well, follows the only link that there is. This happens once, so the e-mail
    goes out at once; unless the owner was verified in this very moment.
    """
    contested = await db.exec(
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
        await send_already_registered_email.enqueue(db, user.id)


async def _tell_owner(db: AsyncSession, user: User) -> None:
    """Tell the owner that the address was registered again, unless a mail went out just now.

    It writes in any case: without the disk's flush the answer would come sooner than for a
    new address. Of several requests at once, one finds the time as it was.
    """
    last = user.registration_mailed_at
    due = last < utcnow() - NOTICE_EVERY
    written = await db.exec(
        update(User)
        .where(col(User.id) == user.id, col(User.registration_mailed_at) == last)
        .values(registration_mailed_at=utcnow() if due else last)
        .execution_options(synchronize_session=False)
    )
    if due and written.rowcount:
        await send_already_registered_email.enqueue(db, user.id)
