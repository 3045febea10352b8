"""The people of these tests."""

import pytest
from httpx2 import AsyncClient
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from tests.accounts.fixtures import ADMIN, log_in, make_user


@pytest.fixture
async def user(session: AsyncSession) -> User:
    """A person who can sign in."""
    return await make_user(session)


@pytest.fixture
async def admin(session: AsyncSession) -> User:
    """A person who may open /admin."""
    return await make_user(session, email=ADMIN, is_superuser=True)


@pytest.fixture
async def admin_client(client: AsyncClient, admin: User) -> AsyncClient:
    """The browser of the admin, who is signed in."""
    await log_in(client, ADMIN)
    client.headers["Accept"] = "text/html"
    return client
