from uuid import UUID

from httpx2 import AsyncClient
from kit.tasks import Job, JobStatus
from sqlmodel.ext.asyncio.session import AsyncSession
from structlog.testing import capture_logs

from app.main import app
from tests.accounts.fixtures import log_in, make_user


async def test_small_work_runs_beside_the_request(client: AsyncClient) -> None:
    with capture_logs() as logs:
        response = await client.post("/api/v1/examples/views/home")
        await app.state.background.join()
    assert response.json() == {"message": "home was viewed"}
    events = [(entry["event"], entry.get("page_event")) for entry in logs if "page" in entry]
    assert sorted(events, key=str) == [
        ("cache warmed", None),
        ("line of analytics", "left"),
        ("line of analytics", "viewed"),
    ]


async def test_fastapis_background_tasks_run_after_the_response(client: AsyncClient) -> None:
    with capture_logs() as logs:
        response = await client.post("/api/v1/examples/notifications/ann@example.com")
    assert response.status_code == 200
    assert [entry["email"] for entry in logs if entry["event"] == "notification"] == [
        "ann@example.com"
    ]


async def test_work_that_must_happen_is_a_job(client: AsyncClient, session: AsyncSession) -> None:
    response = await client.post("/api/v1/examples/reports/sales")
    assert response.status_code == 202
    assert response.json()["status"] == "queued"
    job = await session.get(Job, UUID(response.json()["task_id"]))
    assert job
    assert (job.task, job.status) == ("app.examples.tasks.write_report", JobStatus.SUCCESSFUL)


async def test_whoever_ordered_a_report_follows_the_location_to_its_result(
    client: AsyncClient, session: AsyncSession
) -> None:
    await make_user(session)
    await log_in(client)
    ordered = await client.post("/api/v1/examples/reports/sales")
    job = (await client.get(ordered.headers["Location"])).json()
    assert (job["status"], job["result"]) == ("successful", "The report on sales")
