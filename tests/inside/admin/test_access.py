import pytest
from httpx2 import AsyncClient

from app.accounts.models import User
from inside.admin.conftest import MakeJob
from tests.accounts.fixtures import log_in

HTML = {"Accept": "text/html"}
PAGES = ["/admin", "/admin/jobs", "/admin/mails", "/admin/users"]


@pytest.mark.parametrize("path", PAGES)
async def test_whoever_is_not_signed_in_does_that_first(client: AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 303
    assert response.headers["location"] == f"/login?next={path}"


@pytest.mark.parametrize("path", PAGES)
async def test_people_without_the_right_are_refused(
    client: AsyncClient, user: User, path: str
) -> None:
    await log_in(client)
    response = await client.get(path, headers=HTML)
    assert response.status_code == 403
    assert "For administrators only" in response.text


async def test_nor_may_they_change_anything_or_learn_which_jobs_there_are(
    client: AsyncClient, user: User, make_job: MakeJob
) -> None:
    job = await make_job()
    await log_in(client)
    for path in (f"/admin/jobs/{job.id}/cancel", f"/admin/jobs/{user.id}/cancel"):
        assert (await client.post(path)).status_code == 403
    assert (await client.post(f"/admin/users/{user.id}/deactivate")).status_code == 403


async def test_another_site_can_not_press_the_buttons(
    admin_client: AsyncClient, make_job: MakeJob
) -> None:
    job = await make_job()
    response = await admin_client.post(
        f"/admin/jobs/{job.id}/cancel", headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert response.status_code == 403
    assert "came from another site" in response.text


async def test_only_administrators_find_the_way_in_the_navigation(
    client: AsyncClient, admin_client: AsyncClient
) -> None:
    assert '<a href="/admin">' in (await admin_client.get("/")).text
    await client.post("/logout")
    assert "/admin" not in (await client.get("/")).text
