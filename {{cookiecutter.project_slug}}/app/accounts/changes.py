"""Changes to an account that ask for the password again.

A session that was stolen, or left open in a library, must not be enough to take over an account.
Each change is reported to the owner by e-mail, because someone else may have made it.
"""

from typing import Any

from kit import ratelimit
from kit.database import utcnow
from kit.passwords import WeakPassword, check_password, hash_password, verify_password
from pydantic import SecretStr
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import limits, sessions, tokens
from app.accounts.errors import (
    EmailTaken,
    InvalidToken,
    LastSuperuser,
    UnchangedEmail,
    WrongPassword,
)
from app.accounts.models import User
from app.accounts.schemas import ChangeEmail, ChangePassword, ConfirmPassword
from app.accounts.sessions import ClientInfo, CurrentLogin, NewLogin
from app.accounts.tasks import (
    send_account_deleted_email,
    send_email_change_link,
    send_email_change_notice,
    send_email_changed_email,
    send_email_changed_notice,
    send_password_changed_email,
)
from app.accounts.tokens import Purpose


async def change_password(
    db: AsyncSession,
    current: CurrentLogin,
    data: ChangePassword,
    client: ClientInfo,
) -> NewLogin | None:
    """Set another password, and end all sessions and links except the current session.

    A browser's session gets a new token, which is returned: people change their password when
    they fear that something was copied. A program keeps its token.
    Raises WeakPassword, WrongPassword or TooManyAttempts.
    """
    user, login = current
    password = data.new_password.get_secret_value()
    try:
        check_password(password, email=user.email, full_name=user.full_name)
    except WeakPassword as weak:
        raise WeakPassword(weak.detail, field="new_password") from None
    await _confirm(db, current, data.current_password)
    password_hash = await hash_password(password)
    await _update(db, user, password_hash=password_hash, pending_email=None)
    await tokens.delete_all(db, user)
    await sessions.end_all(db, user, but=login)
    await send_password_changed_email.enqueue(db, user.id)
    if tokens.digest(client.cookie or "") != login.token_hash:
        return None
    return await sessions.renew_token(db, user, login)


async def request_email_change(db: AsyncSession, current: CurrentLogin, data: ChangeEmail) -> None:
    """Mail a link to the new address, and a notice to the old one.

    The job looks up whether the new address is taken, so that neither the answer nor its timing
    tells. A later request replaces this one, whose link then stops working.
    Raises UnchangedEmail, WrongPassword or TooManyAttempts.
    """
    user = current.user
    if data.email == user.email:
        raise UnchangedEmail
    await _confirm(db, current, data.current_password)
    await ratelimit.check(limits.EMAIL_CHANGES_OF_ONE_ACCOUNT, str(user.id))
    await _update(db, user, pending_email=data.email)
    if await ratelimit.allows(limits.EMAIL_CHANGE_EMAILS, data.email):
        await send_email_change_link.enqueue(db, user.id)
    await send_email_change_notice.enqueue(db, user.id)


async def confirm_email(db: AsyncSession, token: str) -> str:
    """Make the address that the token was sent to the account's own, and return it.

    All links to the old address end. Sessions stay: they began with the password.
    Raises InvalidToken, or EmailTaken if another account got the address in the meantime.
    """
    proof = await tokens.consume(db, token, Purpose.CHANGE_EMAIL)
    user = await db.get(User, proof.user_id, populate_existing=True)  # it is locked now
    if user is None or not user.is_active or user.pending_email != proof.sent_to:
        raise InvalidToken
    old = user.email
    changes = {"email": proof.sent_to, "pending_email": None, "verified_at": utcnow()}
    try:  # no flush: one that fails would expire all that the session has loaded
        await db.exec(update(User).where(col(User.id) == user.id).values(changes))
    except IntegrityError:
        raise EmailTaken from None
    await tokens.delete_all(db, user)
    await send_email_changed_notice.enqueue(db, old)
    await send_email_changed_email.enqueue(db, user.id)
    return proof.sent_to


async def delete_account(db: AsyncSession, current: CurrentLogin, data: ConfirmPassword) -> None:
    """Delete the account and all that refers to it.

    Sessions and links go with the row (ON DELETE CASCADE), and the address is free at once.
    Waiting jobs find no user and end. The farewell job carries the address, because no row
    knows it by then. Raises WrongPassword, TooManyAttempts, or LastSuperuser, which also holds
    when the last two superusers delete their accounts at the same moment.
    """
    await _confirm(db, current, data.current_password)
    user = current.user
    superusers = select(col(User.id)).where(col(User.is_superuser), col(User.is_active))
    if user.is_superuser:  # lock them all, always in one order
        await db.exec(superusers.order_by(col(User.id)).with_for_update())
    deleted = await db.exec(delete(User).where(*_as_confirmed(user)))
    if not deleted.rowcount:
        raise WrongPassword
    if user.is_superuser and not (await db.exec(superusers)).first():
        raise LastSuperuser
    await send_account_deleted_email.enqueue(db, user.email)


async def _confirm(db: AsyncSession, current: CurrentLogin, password: SecretStr) -> None:
    """Check the password once more; raises WrongPassword or TooManyAttempts."""
    await limits.check_confirmation(current.login)
    await db.close()  # as in `service._create`
    fits, _ = await verify_password(password.get_secret_value(), current.user.password_hash)
    if not fits:
        raise WrongPassword


async def _update(db: AsyncSession, user: User, **values: Any) -> None:
    """Change columns of the user; raises WrongPassword if the password was changed meanwhile."""
    statement = update(User).where(*_as_confirmed(user)).values(**values)
    changed = await db.exec(statement.execution_options(synchronize_session=False))
    if not changed.rowcount:
        raise WrongPassword


def _as_confirmed(user: User) -> tuple[Any, ...]:
    return (
        col(User.id) == user.id,
        col(User.password_hash) == user.password_hash,
        col(User.is_active).is_(True),
    )
