import pytest
from httpx2 import AsyncClient
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from tests.accounts.fixtures import log_in

ME = "/api/v1/users/me"


@pytest.fixture(autouse=True)
async def signed_in(client: AsyncClient, user: User) -> None:
    await log_in(client)


async def test_people_see_their_account(client: AsyncClient, user: User) -> None:
    account = (await client.get(ME)).json()

    assert account["id"] == str(user.id)
    assert account["email"] == user.email
    assert account["full_name"] == user.full_name
    assert account["verified_at"].endswith("Z")


async def test_the_account_shows_no_secret(client: AsyncClient) -> None:
    assert "argon2" not in (await client.get(ME)).text


async def test_people_change_their_name(
    client: AsyncClient, session: AsyncSession, user: User
) -> None:
    answer = await client.patch(ME, json={"full_name": "  Ada King  "})

    assert answer.json()["full_name"] == "Ada King"
    before = user.updated_at
    await session.refresh(user)
    assert user.full_name == "Ada King"
    assert user.updated_at > before


@pytest.mark.parametrize(("body", "name"), [({}, "Ada Lovelace"), ({"full_name": None}, "")])
async def test_what_is_not_sent_stays_and_null_is_nothing(
    client: AsyncClient, user: User, body: dict[str, object], name: str
) -> None:
    answer = await client.patch(ME, json=body)
    assert (answer.status_code, answer.json()["full_name"]) == (200, name)


@pytest.mark.parametrize(
    "body",
    [
        {"email": "new@example.com"},
        {"full_name": "Ada", "is_superuser": True},
        {"full_name": "Ada", "verified_at": None},
        {"full_name": "a\0b"},
        {"full_name": "x" * 101},
    ],
)
async def test_nothing_else_can_be_changed(
    client: AsyncClient, session: AsyncSession, user: User, body: dict[str, object]
) -> None:
    assert (await client.patch(ME, json=body)).status_code == 422

    await session.refresh(user)
    assert user.full_name == "Ada Lovelace"
    assert not user.is_superuser
