import pytest
from httpx2 import AsyncClient
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts import admin as accounts_admin
from app.accounts.models import LoginSession, User
from tests.accounts.fixtures import ADMIN, get_bearer, log_in, make_user


@pytest.fixture
async def ann(session: AsyncSession) -> User:
    return await make_user(session, email="ann@example.com", full_name="Ann Ünal")


@pytest.mark.parametrize("text", ["ANN@", "Ünal", "ünal", "ANN ÜNAL"])
async def test_people_are_found_by_address_and_name(
    admin_client: AsyncClient, ann: User, text: str
) -> None:
    page = (await admin_client.get("/admin/users", params={"text": text})).text
    assert ann.email in page
    assert f'scope="row">{ADMIN}' not in page


async def test_pages_go_on_where_the_last_one_ended(
    admin_client: AsyncClient, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_admin, "PAGE", 1)
    first = (await admin_client.get("/admin/users")).text
    assert f'scope="row">{ann.email}' in first
    assert 'href="/admin/users?text=&amp;after=ann%40example.com" rel="next"' in first
    second = (await admin_client.get("/admin/users", params={"after": ann.email})).text
    assert f'scope="row">{ADMIN}' in second
    assert "More" not in second


async def test_a_deactivated_account_is_signed_out_everywhere_and_stays_out(
    admin_client: AsyncClient, ann: User, session: AsyncSession
) -> None:
    bearer = await get_bearer(admin_client, ann.email)
    response = await admin_client.post(f"/admin/users/{ann.id}/deactivate")
    assert response.status_code == 303
    page = (await admin_client.get(response.headers["location"])).text
    assert "ann@example.com is deactivated and signed out everywhere." in page
    assert f"/admin/users/{ann.id}/activate" in page

    of_ann = select(LoginSession).where(LoginSession.user_id == ann.id)
    assert (await session.exec(of_ann)).all() == []
    admin_client.cookies.clear()
    assert (await admin_client.get("/api/v1/users/me", headers=bearer)).status_code == 401
    assert (await log_in(admin_client, ann.email)).status_code == 401


async def test_a_deactivated_account_can_be_activated_again(
    admin_client: AsyncClient, ann: User
) -> None:
    await admin_client.post(f"/admin/users/{ann.id}/deactivate")
    await admin_client.post(f"/admin/users/{ann.id}/activate")
    assert (await log_in(admin_client, ann.email)).status_code == 204


async def test_administrators_do_not_lock_themselves_out(
    admin_client: AsyncClient, admin: User
) -> None:
    assert "you</span>" in (await admin_client.get("/admin/users")).text
    response = await admin_client.post(f"/admin/users/{admin.id}/deactivate")
    assert response.status_code == 409
    assert (await admin_client.get("/admin")).status_code == 200


async def test_a_user_who_is_gone_is_not_found(admin_client: AsyncClient) -> None:
    response = await admin_client.post(
        "/admin/users/00000000-0000-0000-0000-000000000000/deactivate"
    )
    assert response.status_code == 404
