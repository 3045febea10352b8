from uuid import uuid4

from httpx2 import AsyncClient
from kit.tasks import JobStatus
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from inside.admin.conftest import MakeJob, failed
from tests.accounts.fixtures import ADMIN, log_in, make_user


async def test_the_owner_reads_state_and_result_but_no_arguments(
    client: AsyncClient, user: User, make_job: MakeJob
) -> None:
    job = await make_job(
        owner_id=user.id,
        status=JobStatus.SUCCESSFUL,
        attempts=1,
        result={"pages": 3},
        arguments={"token": "hush"},
    )
    await log_in(client)
    answer = await client.get(f"/api/v1/jobs/{job.id}")
    assert answer.status_code == 200
    body = answer.json()
    assert body["id"] == str(job.id)
    assert (body["status"], body["attempts"], body["max_attempts"]) == ("successful", 1, 3)
    assert (body["result"], body["error"]) == ({"pages": 3}, None)
    assert "hush" not in answer.text


async def test_of_a_failure_the_owner_reads_the_class_of_the_error_only(
    client: AsyncClient, user: User, make_job: MakeJob
) -> None:
    job = await make_job(owner_id=user.id, **failed("Discard: the card 4711 is stolen"))
    await log_in(client)
    answer = await client.get(f"/api/v1/jobs/{job.id}")
    assert (answer.json()["status"], answer.json()["error"]) == ("failed", "Discard")
    assert "4711" not in answer.text


async def test_a_job_of_somebody_else_is_not_told_from_none_at_all(
    client: AsyncClient, user: User, make_job: MakeJob
) -> None:
    await log_in(client)
    for job in (await make_job(owner_id=uuid4()), await make_job()):
        foreign = await client.get(f"/api/v1/jobs/{job.id}")
        none = await client.get(f"/api/v1/jobs/{user.id}")
        assert (foreign.status_code, none.status_code) == (404, 404)
        assert foreign.text.replace(str(job.id), "X") == none.text.replace(str(user.id), "X")


async def test_a_superuser_reads_other_peoples_jobs_at_admin_only(
    client: AsyncClient, session: AsyncSession, make_job: MakeJob
) -> None:
    await make_user(session, email=ADMIN, is_superuser=True)
    await log_in(client, ADMIN)
    job = await make_job(owner_id=uuid4())
    assert (await client.get(f"/api/v1/jobs/{job.id}")).status_code == 404
    assert (await client.get(f"/admin/jobs/{job.id}")).status_code == 200


async def test_whoever_is_not_signed_in_learns_nothing(
    client: AsyncClient, make_job: MakeJob
) -> None:
    job = await make_job()
    assert (await client.get(f"/api/v1/jobs/{job.id}")).status_code == 401
