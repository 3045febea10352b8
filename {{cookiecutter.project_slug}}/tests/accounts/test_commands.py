import pytest
from kit.testing import run_manage
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from tests.accounts.fixtures import PASSWORD


async def test_createsuperuser_makes_a_verified_account(session: AsyncSession) -> None:
    process = await run_manage(
        "createsuperuser", "--email", "Root@Example.com", SUPERUSER_PASSWORD=PASSWORD
    )
    assert process.returncode == 0, process.stderr
    user = (await session.exec(select(User))).one()
    assert (user.email, user.is_superuser) == ("root@example.com", True)
    assert user.verified_at


@pytest.mark.parametrize(
    ("email", "password", "complaint"),
    [
        ("nobody", PASSWORD, "email: "),
        ("root@example.com", "short", "password: "),
        ("root@example.com", "password1234", "This password"),
    ],
)
async def test_createsuperuser_refuses_what_registration_refuses(
    session: AsyncSession, email: str, password: str, complaint: str
) -> None:
    process = await run_manage("createsuperuser", "--email", email, SUPERUSER_PASSWORD=password)
    assert process.returncode == 1
    assert process.stderr.startswith(complaint)
    assert process.stderr.count("\n") == 1
    assert (await session.exec(select(User))).all() == []
