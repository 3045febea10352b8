import asyncio

import pytest
from httpx2 import AsyncClient
from kit.testing import run_manage
from sqlalchemy import delete
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from tests.accounts.fixtures import PASSWORD, get_bearer, make_user


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
    process = await run_manage(
        *("createsuperuser", "--email", user.email.upper()),
        stdin=answer,
        SUPERUSER_PASSWORD="another good passphrase",
    )
    assert "Replace its password, sign it out everywhere" in process.stdout
    await session.refresh(user)
    assert user.is_superuser is changed
    assert process.returncode == (0 if changed else 1)
