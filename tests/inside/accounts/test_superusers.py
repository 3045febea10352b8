import asyncio

from httpx2 import AsyncClient
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
