import pytest
from httpx2 import AsyncClient
from kit.admin import mail_pages
from kit.database import utcnow
from kit.mail.models import MailOutcome

from inside.admin.conftest import MakeJob, MakeMail


@pytest.mark.parametrize("search", [{"to": "Bob@example.com"}, {"outcome": "refused"}])
async def test_mails_are_found_by_recipient_and_outcome(
    admin_client: AsyncClient, make_mail: MakeMail, make_job: MakeJob, search: dict[str, str]
) -> None:
    job = await make_job()
    await make_mail()
    await make_mail(
        recipient="bob@example.com",
        outcome=MailOutcome.REFUSED,
        answer="550 <b>no</b> such mailbox",
        job_id=job.id,
    )
    page = (await admin_client.get("/admin/mails", params=search)).text
    assert "ann@example.com" not in page
    assert "550 &lt;b&gt;no" in page
    assert f'href="/admin/jobs/{job.id}"' in page


async def test_older_mails_are_on_the_next_page(
    admin_client: AsyncClient, make_mail: MakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_pages, "PAGE", 1)
    now = utcnow()
    for name in ("a", "b"):
        await make_mail(recipient=f"{name}@example.com", at=now)
    first = (await admin_client.get("/admin/mails")).text
    older = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    second = (await admin_client.get(older)).text
    assert ("a@example.com" in first) is not ("b@example.com" in first)
    assert ("a@example.com" in first) is ("b@example.com" in second)
    assert "Older ones" not in second


async def test_a_log_without_entries_says_so(admin_client: AsyncClient) -> None:
    assert "No e-mail is like that." in (await admin_client.get("/admin/mails")).text
