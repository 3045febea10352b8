"""The e-mails as jobs: they carry ids, and make the links' tokens themselves.

No token is ever in the job table. It is committed before the e-mail goes out: a link that
arrives must work, and one that never arrives does no harm.

Four jobs carry an address instead: it is no longer the account's, or looking the account up in
the request would reveal by timing who has one. The address goes with the job, which is deleted
after a week, or after a month if it failed.
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any
from uuid import UUID

from kit.database import Session
from kit.mail import Email, send
from kit.tasks import Obsolete, Task, task
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import tokens
from app.accounts.emails import (
    AccountDeletedEmail,
    AddressInUseEmail,
    AlreadyRegisteredEmail,
    ChoosePasswordEmail,
    ConfirmEmailChangeEmail,
    EmailChangedEmail,
    EmailChangedNoticeEmail,
    EmailChangeRequestedEmail,
    PasswordChangedEmail,
    ResetPasswordEmail,
    VerificationEmail,
    WelcomeEmail,
    confirm_email_link,
    reset_password_link,
    verification_link,
)
from app.accounts.models import User
from app.accounts.tokens import Purpose

MAIL_ATTEMPTS = 60
"""About two days of tries, as long as mail servers themselves try at least (RFC 5321, 4.5.4.1)."""

EmailForUser = Callable[[AsyncSession, User], Awaitable[Email | None]]


class AccountGone(Obsolete):
    """The account was deleted or deactivated while the job waited."""


def account_email(make: EmailForUser) -> Task[[UUID], Coroutine[Any, Any, None]]:
    """Make a task of a function that returns the e-mail for a user, or None for no e-mail.

    The task takes the user's id. It commits before it sends.
    """

    async def run(user_id: UUID) -> None:
        async with Session() as db:
            user = await db.get(User, user_id)
            if user is None or not user.is_active:
                raise AccountGone("the user is gone")
            email = await make(db, user)
            await db.commit()
        if email:
            await send(email)

    named = wraps(make, assigned=("__module__", "__name__", "__qualname__", "__doc__"))(run)
    del named.__wrapped__  # it has other parameters
    return task(queue="mail", max_attempts=MAIL_ATTEMPTS)(named)


@account_email
async def send_welcome_email(db: AsyncSession, user: User) -> Email | None:
    """Welcome a new user, with a link that verifies the address."""
    if user.verified_at:  # by the link of an earlier attempt, which did go out
        return None
    if not user.password_hash:  # the address is contested, and another e-mail says what to do
        return None
    link = verification_link(await tokens.issue(db, user, Purpose.VERIFY_EMAIL))
    return WelcomeEmail(to=user.email, link=link)


@account_email
async def send_already_registered_email(db: AsyncSession, user: User) -> Email | None:
    """Tell the owner of an account that its address was registered again.

    If the account still waits for verification or a password, a link is what its owner needs.
    """
    return await _way_in(db, user)


@account_email
async def send_password_changed_email(_db: AsyncSession, user: User) -> Email | None:
    """Tell the owner that the password was changed."""
    return PasswordChangedEmail(to=user.email, full_name=user.full_name)


@account_email
async def send_email_change_link(db: AsyncSession, user: User) -> Email | None:
    """Ask the address that shall be the account's; if it has an account, tell its owner."""
    if user.pending_email is None:  # it was called off, or confirmed
        return None
    holder = await _find(db, user.pending_email)
    if holder:
        return AddressInUseEmail(to=holder.email) if holder.is_active else None
    token = await tokens.issue(db, user, Purpose.CHANGE_EMAIL, sent_to=user.pending_email)
    return ConfirmEmailChangeEmail(to=user.pending_email, link=confirm_email_link(token))


@account_email
async def send_email_change_notice(_db: AsyncSession, user: User) -> Email | None:
    """Tell the present address that it is about to be replaced.

    Not if it has been replaced by now: then `send_email_changed_notice` says more.
    """
    if user.pending_email is None:
        return None
    return EmailChangeRequestedEmail(to=user.email, full_name=user.full_name)


@account_email
async def send_email_changed_email(_db: AsyncSession, user: User) -> Email | None:
    """Greet an account's new address."""
    return EmailChangedEmail(to=user.email, full_name=user.full_name)


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_verification_email(email: str) -> None:
    """Mail what helps the owner of an account on: a link, or the news that it is ready."""
    async with Session() as db:
        user = await _find(db, email)
        if user is None or not user.is_active:
            return
        answer = await _way_in(db, user)
        await db.commit()
    await send(answer)


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_reset_password_email(email: str) -> None:
    """Mail a link to choose a new password, if the address has an account.

    If it still waits for verification, the link does for both.
    """
    async with Session() as db:
        user = await _find(db, email)
        if user is None or not user.is_active:
            return
        token = await tokens.issue(db, user, Purpose.RESET_PASSWORD)
        await db.commit()
    await send(ResetPasswordEmail(to=user.email, link=reset_password_link(token)))


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_email_changed_notice(email: str) -> None:
    """Tell the address that an account had until now."""
    await send(EmailChangedNoticeEmail(to=email))


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_account_deleted_email(email: str) -> None:
    """Say goodbye. The account is gone, so this job is all that knows the address."""
    await send(AccountDeletedEmail(to=email))


async def _find(db: AsyncSession, email: str) -> User | None:
    return (await db.exec(select(User).where(User.email == email))).first()


async def _way_in(db: AsyncSession, user: User) -> Email:
    """The e-mail that lets the owner go on: sign in, confirm the address, or choose a password."""
    if user.verified_at and user.password_hash:
        return AlreadyRegisteredEmail(to=user.email)
    if user.password_hash:
        token = await tokens.issue(db, user, Purpose.VERIFY_EMAIL)
        return VerificationEmail(to=user.email, link=verification_link(token))
    token = await tokens.issue(db, user, Purpose.RESET_PASSWORD)
    return ChoosePasswordEmail(to=user.email, link=reset_password_link(token))
