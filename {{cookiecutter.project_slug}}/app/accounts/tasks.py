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
    VerificationEmail,
    WelcomeEmail,
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
        link = await _new_link(session, user)
    await send(WelcomeEmail(to=user.email, full_name=user.full_name, link=link))


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_verification_email(email: str) -> None:
    """Mail another link, if this is the address of somebody who waits for one.

    It takes the address, for to look an id up first would take the request longer when
    there is an account: the time of the answer would tell.
    """
    async with Session() as session:
        user = (await session.exec(select(User).where(User.email == email))).first()
        if user is None or not user.is_active or user.verified_at:
            return
        link = await _new_link(session, user)
    await send(VerificationEmail(to=user.email, link=link))


@task(queue="mail", max_attempts=MAIL_ATTEMPTS)
async def send_already_registered_email(user_id: UUID) -> None:
    """Tell the owner of an account that somebody registered its address again.

    If it still waits for verification, another link is what its owner needs.
    """
    async with Session() as session:
        user = await _active(session, user_id)
        if user.verified_at is None:
            link = await _new_link(session, user)
            email: Email = VerificationEmail(to=user.email, link=link)
        else:
            email = AlreadyRegisteredEmail(to=user.email)
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


async def _new_link(session: AsyncSession, user: User) -> str:
    token = await tokens.issue(session, user, Purpose.VERIFY_EMAIL)
    await session.commit()
    return verification_link(token)
