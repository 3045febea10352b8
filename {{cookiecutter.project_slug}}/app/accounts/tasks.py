"""The e-mails as jobs: they carry ids, and make the links' tokens themselves.

No token is ever in the job table. It is committed before the e-mail goes out: a link that
arrives must work, and one that never arrives harms nobody.
"""

from uuid import UUID

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import sessions, tokens
from app.accounts.emails import (
    AlreadyRegisteredEmail,
    ChoosePasswordEmail,
    ResetPasswordEmail,
    VerificationEmail,
    WelcomeEmail,
    reset_password_link,
    verification_link,
)
from app.accounts.models import User
from app.accounts.tokens import Purpose
from app.database import Session
from app.mail import Email, send
from app.tasks import Discard, periodic, task

MAIL_ATTEMPTS = 60
"""About two days of tries, as long as mail servers themselves try at least (RFC 5321, 4.5.4.1)."""


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


@periodic(cron="47 3 * * *")
@task
async def delete_expired() -> None:
    """Delete the links and the sessions that no longer open anything."""
    async with Session() as session:
        await tokens.delete_expired(session)
        await sessions.delete_expired(session)
        await session.commit()


async def _active(session: AsyncSession, user_id: UUID) -> User:
    user = await session.get(User, user_id)
    if user is None or not user.is_active:
        raise Discard("the user is gone")
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


async def _new_verification_link(session: AsyncSession, user: User) -> str:
    token = await tokens.issue(session, user, Purpose.VERIFY_EMAIL)
    await session.commit()
    return verification_link(token)


async def _new_reset_link(session: AsyncSession, user: User) -> str:
    token = await tokens.issue(session, user, Purpose.RESET_PASSWORD)
    await session.commit()
    return reset_password_link(token)
