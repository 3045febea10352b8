import asyncio

import pytest
from httpx2 import AsyncClient
from kit.database import Session
from sqlalchemy import delete
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
    get_bearer,
    log_in,
    mailed_token,
    make_user,
)
from tests.commands import manage
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


async def test_of_two_who_delete_their_accounts_at_once_one_stays(
    client: AsyncClient, session: AsyncSession
) -> None:
    for number in range(5):
        emails = [f"{who}{number}@example.com" for who in "ab"]
        for email in emails:
            await make_user(session, email=email, is_superuser=True)
        headers = [await get_bearer(client, email) for email in emails]
        body = {"current_password": PASSWORD}
        answers = await asyncio.gather(
            *(client.request("DELETE", "/api/v1/users/me", json=body, headers=h) for h in headers)
        )
        assert sorted(answer.status_code for answer in answers) == [204, 409]
        await session.exec(delete(User))
        await session.commit()


@pytest.mark.parametrize(("answer", "changed"), [("n\n", False), ("y\n", True)])
async def test_an_existing_account_is_not_replaced_unasked(
    session: AsyncSession, user: User, answer: str, changed: bool
) -> None:
    process = await manage(
        *("createsuperuser", "--email", user.email.upper()),
        stdin=answer,
        SUPERUSER_PASSWORD="another good passphrase",
    )
    assert "Replace its password, sign it out everywhere" in process.stdout
    await session.refresh(user)
    assert user.is_superuser is changed
    assert process.returncode == (0 if changed else 1)
