import asyncio

from httpx2 import AsyncClient
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from tests.accounts.fixtures import get_bearer, make_user


async def test_of_two_administrators_who_deactivate_each_other_at_once_one_stays(
    client: AsyncClient, admin: User, session: AsyncSession
) -> None:
    for number in range(5):
        email = f"root{number}@example.com"
        other = await make_user(session, email=email, is_superuser=True)
        admin.is_active = True
        await session.commit()
        mine, theirs = await get_bearer(client, admin.email), await get_bearer(client, email)
        await asyncio.gather(
            client.post(f"/admin/users/{other.id}/deactivate", headers=mine),
            client.post(f"/admin/users/{admin.id}/deactivate", headers=theirs),
        )
        await session.refresh(admin)
        await session.refresh(other)
        assert sorted([admin.is_active, other.is_active]) == [False, True]
