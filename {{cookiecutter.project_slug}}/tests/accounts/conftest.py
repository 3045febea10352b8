import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from tests.accounts.fixtures import make_user


@pytest.fixture
async def user(session: AsyncSession) -> User:
    """Somebody who can sign in."""
    return await make_user(session)
