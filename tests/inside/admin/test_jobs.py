from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient
from kit.admin import job_pages
from kit.database import utcnow
from kit.tasks import JobStatus
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.admin.conftest import MakeJob, failed


async def listed(client: AsyncClient, **search: str) -> set[UUID]:
    """The ids that the list links to."""
    response = await client.get("/admin/jobs", params=search)
    assert response.status_code == 200, response.text
    links = response.text.split('href="/admin/jobs/')[1:]
    return {UUID(link[:36]) for link in links}


async def test_the_overview_counts_jobs_by_state_and_shows_the_latest_failure(
    admin_client: AsyncClient, make_job: MakeJob
) -> None:
    await make_job()
    await make_job(queue="mail", run_after=utcnow() - timedelta(minutes=4))
    job = await make_job(
        **failed("Traceback (most recent call last):\nKeyError: 'the <b>reason</b>'")
    )
    page = (await admin_client.get("/admin")).text
    assert '<a href="/admin/jobs?status=ready"><strong>2</strong> Ready</a>' in page
    assert '<a href="/admin/jobs?status=failed"><strong>1</strong> Failed</a>' in page
    assert '<td data-label="Oldest due">4 min</td>' in page
    assert f'href="/admin/jobs/{job.id}"' in page
    assert "the &lt;b&gt;reason" in page


async def test_the_overview_shows_no_token_of_an_error(
    admin_client: AsyncClient, make_job: MakeJob
) -> None:
    await make_job(**failed("LinkIsDead: https://x.example/?token=hush"))
    page = (await admin_client.get("/admin")).text
    assert "LinkIsDead" in page
    assert "hush" not in page


async def test_an_overview_of_nothing_says_so(admin_client: AsyncClient) -> None:
    page = (await admin_client.get("/admin")).text
    assert "Nothing waits, nothing runs." in page
    assert "No job has failed." in page


@pytest.mark.parametrize(
    "search",
    [
        {"status": "failed"},
        {"task": "send_reminder"},
        {"queue": "mail"},
        {"text": "ANN@"},
        {"text": "Zoë"},
        {"text": "no such mailbox"},
        {"text": "request-of-ann"},
        {"status": "failed", "task": "send_reminder", "queue": "mail", "text": "ann"},
    ],
)
async def test_jobs_are_found_by_what_is_known_of_them(
    admin_client: AsyncClient, make_job: MakeJob, search: dict[str, str]
) -> None:
    await make_job(arguments={"to": "bob@example.com"}, request_id="request-of-bob")
    wanted = await make_job(
        **failed("550 No such mailbox"),
        task="app.reminders.tasks.send_reminder",
        queue="mail",
        arguments={"to": "ann@example.com", "name": "Zoë"},
        request_id="request-of-ann",
    )
    assert await listed(admin_client, **search) == {wanted.id}
    assert len(await listed(admin_client, status="", task="", queue="", text="")) == 2


async def test_a_job_is_found_by_its_id(admin_client: AsyncClient, make_job: MakeJob) -> None:
    job, _ = await make_job(), await make_job()
    assert await listed(admin_client, text=str(job.id)) == {job.id}


async def test_the_percent_sign_is_a_letter_like_others(
    admin_client: AsyncClient, make_job: MakeJob
) -> None:
    await make_job()
    assert await listed(admin_client, text="%") == set()


@pytest.mark.parametrize("search", [{"status": "lost"}, {"text": "\0"}, {"before": "yesterday"}])
async def test_a_senseless_search_is_refused(
    admin_client: AsyncClient, search: dict[str, str]
) -> None:
    assert (await admin_client.get("/admin/jobs", params=search)).status_code == 422


async def test_every_job_is_on_one_page_though_new_ones_arrive(
    admin_client: AsyncClient, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_pages, "PAGE", 2)
    ids = [(await make_job()).id for _ in range(4)]
    first = await admin_client.get("/admin/jobs", params={"task": "send_invoice"})
    await make_job()
    older = first.text.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    second = await admin_client.get(older.replace("&amp;", "&"))
    assert "Older ones" not in second.text
    seen = [id_ for page in (second, first) for id_ in ids if f"/jobs/{id_}" in page.text]
    assert seen == ids


async def test_a_page_shows_what_became_of_a_job_but_no_secret(
    admin_client: AsyncClient, make_job: MakeJob
) -> None:
    job = await make_job(
        **failed("Traceback …\nOSError: https://x.example/?token=hush is away"),
        arguments={"to": "ann", "api_key": "hush", "more": [{"Password": "hush"}]},
        request_id="abcdefgh",
    )
    page = (await admin_client.get(f"/admin/jobs/{job.id}")).text
    assert "3 of 3" in page
    assert "after 2 s" in page
    assert "OSError" in page
    assert "abcdefgh" in page
    assert "[redacted]" in page
    assert "hush" not in page


async def test_the_page_of_a_job_that_was_pruned_is_not_found(admin_client: AsyncClient) -> None:
    response = await admin_client.get(f"/admin/jobs/{uuid4()}")
    assert response.status_code == 404
    assert "No such job" in response.text


async def test_a_failed_job_is_retried_by_a_button(
    admin_client: AsyncClient, make_job: MakeJob, session: AsyncSession
) -> None:
    job = await make_job(**failed())
    response = await admin_client.post(f"/admin/jobs/{job.id}/retry")
    assert response.status_code == 303
    assert response.headers["location"] == f"/admin/jobs/{job.id}"
    assert "The job is ready to run again." in (await admin_client.get("/admin")).text
    await session.refresh(job)
    assert (job.attempts, job.error) == (1, f"UnknownTask: no task is named {job.task!r}")


async def test_a_waiting_job_is_cancelled_by_a_button_and_then_can_not_be_again(
    admin_client: AsyncClient, make_job: MakeJob, session: AsyncSession
) -> None:
    job = await make_job()
    page = (await admin_client.get(f"/admin/jobs/{job.id}")).text
    assert "/cancel" in page
    await admin_client.post(f"/admin/jobs/{job.id}/cancel")
    await session.refresh(job)
    assert (job.status, job.error) == (JobStatus.FAILED, "cancelled")
    page = (await admin_client.get(f"/admin/jobs/{job.id}")).text
    assert "The job is cancelled." in page
    assert "/cancel" not in page

    response = await admin_client.post(f"/admin/jobs/{job.id}/cancel")
    assert response.status_code == 303
    page = (await admin_client.get(f"/admin/jobs/{job.id}")).text
    assert "The job is failed and can&#39;t be cancelled." in page
