from httpx2 import AsyncClient
from kit.database import Session
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import LoginSession, User
from app.accounts.service import create_superuser
from tests.accounts.fixtures import (
    NEW_PASSWORD,
    PASSWORD,
    change_email,
    confirm_email,
    delete_account,
    log_in,
    mailed_token,
    make_user,
)


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


async def test_the_only_one_who_is_left_stays(
    client: AsyncClient, session: AsyncSession, user: User, mailbox: Mailbox
) -> None:
    user.is_superuser = True
    await make_user(session, email="gone@example.com", is_superuser=True, is_active=False)
    await log_in(client)

    answer = await delete_account(client)
    assert answer.status_code == 409
    assert "manage createsuperuser" in answer.json()["detail"]
    page = await client.post("/account/delete", data={"current_password": PASSWORD})
    assert page.status_code == 409
    assert "manage createsuperuser" in page.text

    assert len(mailbox) == 0
    assert (await client.get("/api/v1/users/me")).status_code == 200
