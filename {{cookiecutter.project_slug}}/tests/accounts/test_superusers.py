from httpx2 import AsyncClient
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import LoginSession, User
from app.accounts.service import create_superuser
from app.database import Session
from tests.accounts.fixtures import (
    NEW_PASSWORD,
    change_email,
    confirm_email,
    log_in,
    mailed_token,
)
from tests.mailbox import Mailbox


async def test_nothing_that_opened_an_account_so_far_opens_that_of_a_superuser(
    client: AsyncClient, session: AsyncSession, user: User, mailbox: Mailbox
) -> None:
    await log_in(client)
    await change_email(client, "mallory@example.com")
    link = mailed_token(mailbox, "mallory@example.com", "/confirm-email")

    async with Session() as command:
        await create_superuser(command, user.email, NEW_PASSWORD)
        await command.commit()

    assert (await session.exec(select(LoginSession))).all() == []
    assert (await client.get("/api/v1/users/me")).status_code == 401
    assert (await confirm_email(client, link)).status_code == 400
    await session.refresh(user)
    assert (user.is_superuser, user.pending_email) == (True, None)
    assert (await log_in(client, password=NEW_PASSWORD)).status_code == 204
