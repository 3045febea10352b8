from datetime import timedelta

import pytest
from httpx2 import AsyncClient
from kit.database import utcnow
from kit.mail.models import MailOutcome
from kit.settings import settings
from kit.tasks import JobStatus
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from inside.admin.conftest import MakeJob, MakeMail, failed

INVOICE = "app.shop.tasks.send_invoice"
Labels = frozenset[tuple[str, str]]


async def scrape(client: AsyncClient) -> dict[tuple[str, Labels], float]:
    """The samples by name and labels, read as Prometheus reads them."""
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(response.text)
    samples = (sample for family in families for sample in family.samples)
    return {(s.name, frozenset(s.labels.items())): s.value for s in samples}


def labels(**values: str) -> Labels:
    return frozenset(values.items())


async def test_jobs_are_counted_by_task_and_state(client: AsyncClient, make_job: MakeJob) -> None:
    await make_job()
    await make_job()
    await make_job(**failed())
    found = await scrape(client)
    assert found["jobs", labels(task=INVOICE, status="ready")] == 2
    assert found["jobs", labels(task=INVOICE, status="failed")] == 1


async def test_the_lag_of_a_queue_is_the_age_of_its_oldest_due_job(
    client: AsyncClient, make_job: MakeJob
) -> None:
    now = utcnow()
    await make_job(queue="mail", run_after=now - timedelta(seconds=90))
    await make_job(queue="mail", run_after=now - timedelta(seconds=10))
    await make_job(queue="default", run_after=now + timedelta(seconds=90))
    found = await scrape(client)
    assert found["job_queue_due", labels(queue="mail")] == 2
    assert 90 <= found["job_queue_lag_seconds", labels(queue="mail")] < 150
    assert found["job_queue_due", labels(queue="default")] == 0
    assert found["job_queue_lag_seconds", labels(queue="default")] == 0


async def test_durations_fall_into_buckets_and_old_ones_out(
    client: AsyncClient, make_job: MakeJob
) -> None:
    now = utcnow()
    for seconds in (0.02, 2, 4000):
        await make_job(
            status=JobStatus.SUCCESSFUL,
            started_at=now - timedelta(seconds=seconds),
            finished_at=now,
        )
    an_hour_ago = now - timedelta(hours=1)
    await make_job(status=JobStatus.SUCCESSFUL, started_at=an_hour_ago, finished_at=an_hour_ago)
    await make_job(status=JobStatus.FAILED, finished_at=now)  # cancelled before it began
    found = await scrape(client)

    def within(limit: str) -> float:
        return found["job_duration_seconds_bucket", labels(task=INVOICE, le=limit)]

    assert [within(limit) for limit in ("0.01", "0.05", "1.0", "2.5", "300.0", "+Inf")] == [
        *(0, 1, 1, 2, 2, 3)
    ]
    assert found["job_duration_seconds_gcount", labels(task=INVOICE)] == 3
    total = found["job_duration_seconds_gsum", labels(task=INVOICE)]
    assert total == pytest.approx(4002.02, abs=0.01)


async def test_when_nothing_waits_every_known_queue_has_no_lag(client: AsyncClient) -> None:
    found = await scrape(client)
    assert found["job_queue_lag_seconds", labels(queue="mail")] == 0
    assert set(found.values()) == {0}


async def test_mails_are_counted_by_what_became_of_them_lately(
    client: AsyncClient, make_mail: MakeMail
) -> None:
    await make_mail()
    await make_mail()
    await make_mail(outcome=MailOutcome.REFUSED)
    await make_mail(at=utcnow() - timedelta(hours=1))
    found = await scrape(client)
    assert found["mails", labels(email="WelcomeEmail", outcome="sent")] == 2
    assert found["mails", labels(email="WelcomeEmail", outcome="refused")] == 1


async def test_with_a_token_nobody_else_gets_in(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "metrics_token", SecretStr("0123456789abcdef"))
    for wrong in ("", "Bearer 0123456789abcdeF", "0123456789abcdef", "Bearer é"):
        headers = {b"Authorization": wrong.encode()}
        response = await client.get("/metrics", headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
    right = {"Authorization": "Bearer 0123456789abcdef"}
    assert (await client.get("/metrics", headers=right)).status_code == 200


async def test_production_without_a_token_has_no_metrics(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "environment", "production")
    assert (await client.get("/metrics")).status_code == 404
