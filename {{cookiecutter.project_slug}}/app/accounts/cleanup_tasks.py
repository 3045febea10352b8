"""What is deleted every night: what no longer opens anything, and what waited in vain."""

from datetime import timedelta

from kit.database import Session, utcnow
from kit.tasks import periodic, task
from sqlalchemy import delete, exists, update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import sessions, tokens
from app.accounts.models import AccountToken, User

UNVERIFIED_FOR = timedelta(days=30)
"""How long a registration that is never confirmed keeps the address from its owner."""
PENDING_FOR = timedelta(days=7)
"""How long a new address is kept unconfirmed: longer than its e-mail and link live."""


@periodic(cron="47 3 * * *")
@task
async def delete_expired() -> None:
    """Delete expired links and sessions, unverified accounts, and unconfirmed new addresses."""
    async with Session() as db:
        await tokens.delete_expired(db)
        await sessions.delete_expired(db)
        await _delete_unverified(db)
        await _forget_pending(db)
        await db.commit()


async def _forget_pending(db: AsyncSession) -> None:
    abandoned = col(User.pending_email).is_not(None), col(User.updated_at) < utcnow() - PENDING_FOR
    await db.exec(update(User).where(*abandoned).values(pending_email=None))


async def _delete_unverified(db: AsyncSession) -> None:
    """Give addresses back, unless a link is still good, or the account was deactivated."""
    await db.exec(
        delete(User).where(
            col(User.verified_at).is_(None),
            col(User.is_active).is_(True),
            col(User.created_at) < utcnow() - UNVERIFIED_FOR,
            ~exists().where(col(AccountToken.user_id) == col(User.id)),
        )
    )
