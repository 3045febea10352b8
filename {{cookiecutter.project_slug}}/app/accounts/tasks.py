"""The e-mails as jobs: they carry ids, and make the links' tokens themselves.

No token is ever in the job table. It is committed before the e-mail goes out: a link that
arrives must work, and one that never arrives harms nobody.

An address is there only where no row could tell it: when it is no longer the account's, or
when to look it up would let the time of the answer tell who has one. It goes with the job,
which is deleted after a week, or a month if it failed (`tasks/tasks.py`).
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, exists, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import sessions, tokens
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
from app.accounts.models import AccountToken, User
from app.accounts.tokens import Purpose
from app.database import Session, utcnow
from app.mail import Email, send
from app.tasks import Discard, periodic, task

MAIL_ATTEMPTS = 60
"""About two days of tries, as long as mail servers themselves try at least (RFC 5321, 4.5.4.1)."""
UNVERIFIED_FOR = timedelta(days=30)
"""How long a registration that nobody confirmed keeps the address from whoever owns it."""
PENDING_FOR = timedelta(days=7)
"""How long an address is kept that nobody confirmed: longer than its e-mail and link live."""


class AccountGone(Discard):
    """The account was deleted or deactivated while the job waited: nobody has to look into it."""


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_welcome_email(user_id: UUID) -> None:
    """Welcome a new user, with a link that verifies the address."""
    async with Session() as session:
        user = await _active(session, user_id)
        if user.verified_at:  # by the link of an earlier attempt, which did go out
            return
        if not user.password_hash:  # it is contested, and another e-mail says what to do
            return
        link = await _new_verification_link(session, user)
    await send(WelcomeEmail(to=user.email, full_name=user.full_name, link=link))


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_verification_email(email: str) -> None:
    """Mail another link, if this is the address of somebody who waits for one.

    It takes the address, for to look an id up first would take the request longer when
    there is an account: the time of the answer would tell.
    """
    async with Session() as session:
        user = await _find_active(session, email)
        if user is None or user.verified_at:
            return
        answer = await _make_way_in(session, user)
    await send(answer)


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_reset_password_email(email: str) -> None:
    """Mail a link to choose a new password, if somebody has an account with this address.

    If it still waits for verification, the link does for both.
    """
    async with Session() as session:
        user = await _find_active(session, email)
        if user is None:
            return
        link = await _new_reset_link(session, user)
    await send(ResetPasswordEmail(to=user.email, link=link))


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_already_registered_email(user_id: UUID) -> None:
    """Tell the owner of an account that somebody registered its address again.

    If it still waits for verification or a password, a link is what its owner needs.
    """
    async with Session() as session:
        user = await _active(session, user_id)
        if user.verified_at and user.password_hash:
            email: Email = AlreadyRegisteredEmail(to=user.email)
        else:
            email = await _make_way_in(session, user)
    await send(email)


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_password_changed_email(user_id: UUID) -> None:
    """Tell the owner that the password was changed."""
    async with Session() as session:
        user = await _active(session, user_id)
    await send(PasswordChangedEmail(to=user.email, full_name=user.full_name))


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_email_change_link(user_id: UUID) -> None:
    """Ask the address that an account wants for its own; if it has one, tell its owner."""
    async with Session() as session:
        user = await _active(session, user_id)
        if user.pending_email is None:  # it was called off, or confirmed
            return
        answer = await _ask_new_address(session, user, user.pending_email)
    if answer:
        await send(answer)


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_email_change_notice(user_id: UUID) -> None:
    """Tell the address that an account has so far that it shall be replaced.

    Not when it has been already: then `send_email_changed_notice` says more.
    """
    async with Session() as session:
        user = await _active(session, user_id)
    if user.pending_email:
        await send(EmailChangeRequestedEmail(to=user.email, full_name=user.full_name))


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_email_changed_email(user_id: UUID) -> None:
    """Greet an account's new address."""
    async with Session() as session:
        user = await _active(session, user_id)
    await send(EmailChangedEmail(to=user.email, full_name=user.full_name))


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_email_changed_notice(email: str) -> None:
    """Tell the address that an account had until now."""
    await send(EmailChangedNoticeEmail(to=email))


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_account_deleted_email(email: str) -> None:
    """Say goodbye. The account is gone, so this job is all that knows the address."""
    await send(AccountDeletedEmail(to=email))


@periodic(cron="47 3 * * *")
@task
async def delete_expired() -> None:
    """Delete the links and the sessions that no longer open anything, and what waited in vain.

    That is: accounts that nobody verified, and new addresses that nobody confirmed.
    """
    async with Session() as session:
        await tokens.delete_expired(session)
        await sessions.delete_expired(session)
        await _delete_unverified(session)
        await _forget_pending(session)
        await session.commit()


async def _forget_pending(session: AsyncSession) -> None:
    abandoned = col(User.pending_email).is_not(None), col(User.updated_at) < utcnow() - PENDING_FOR
    await session.exec(update(User).where(*abandoned).values(pending_email=None))


async def _delete_unverified(session: AsyncSession) -> None:
    """Give addresses back. Whoever has a living link is still expected; who was banned stays so."""
    await session.exec(
        delete(User).where(
            col(User.verified_at).is_(None),
            col(User.is_active).is_(True),
            col(User.created_at) < utcnow() - UNVERIFIED_FOR,
            ~exists().where(col(AccountToken.user_id) == col(User.id)),
        )
    )


async def _active(session: AsyncSession, user_id: UUID) -> User:
    user = await session.get(User, user_id)
    if user is None or not user.is_active:
        raise AccountGone("the user is gone")
    return user


async def _find_active(session: AsyncSession, email: str) -> User | None:
    user = (await session.exec(select(User).where(User.email == email))).first()
    return user if user and user.is_active else None


async def _make_way_in(session: AsyncSession, user: User) -> Email:
    """The e-mail that lets a newcomer go on: with the password they gave, or to choose one."""
    if user.password_hash:
        link = await _new_verification_link(session, user)
        return VerificationEmail(to=user.email, link=link)
    return ChoosePasswordEmail(to=user.email, link=await _new_reset_link(session, user))


async def _ask_new_address(session: AsyncSession, user: User, email: str) -> Email | None:
    holder = (await session.exec(select(User).where(User.email == email))).first()
    if holder:
        return AddressInUseEmail(to=email) if holder.is_active else None
    token = await tokens.issue(session, user, Purpose.CHANGE_EMAIL, sent_to=email)
    await session.commit()
    return ConfirmEmailChangeEmail(to=email, link=confirm_email_link(token))


async def _new_verification_link(session: AsyncSession, user: User) -> str:
    token = await tokens.issue(session, user, Purpose.VERIFY_EMAIL)
    await session.commit()
    return verification_link(token)


async def _new_reset_link(session: AsyncSession, user: User) -> str:
    token = await tokens.issue(session, user, Purpose.RESET_PASSWORD)
    await session.commit()
    return reset_password_link(token)
