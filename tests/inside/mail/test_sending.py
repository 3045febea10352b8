import asyncio
import json
from dataclasses import replace
from uuid import uuid4

import pytest
from kit.database import utcnow
from kit.mail import send
from kit.settings import settings
from kit.tasks import JobStatus, task
from kit.tasks.outcomes import ClaimedJob, Outcome
from kit.tasks.worker.runner import run
from kit.testing import Mailbox

from inside.mail.emails import NoteEmail
from inside.mail.smtp_server import SmtpServer, running


@task
async def send_notes(people: list[str]) -> None:
    for name in people:
        await send(NoteEmail(to=f"{name}@example.com", name=name))


def job(*people: str) -> ClaimedJob:
    return ClaimedJob(
        uuid4(), send_notes.name, json.dumps({"people": people}), 1, 8, None, utcnow()
    )


async def attempt(job: ClaimedJob) -> Outcome:
    """Run it as a worker does, in a context of its own."""
    return await asyncio.create_task(run(job))


async def test_what_is_sent_arrives(mailbox: Mailbox) -> None:
    await send(NoteEmail(to="ann@example.com", name="Ann"))
    await send(NoteEmail(to="bob@example.com", name="Bob"))
    assert len(mailbox) == 2
    assert len(mailbox.to("ann@example.com")) == 1
    assert mailbox.to("ann@example.com").latest.subject.startswith("Ann")
    assert mailbox.latest.link("verify").endswith("?a=1&token=abc")


async def test_outside_a_job_each_message_has_its_own_id(mailbox: Mailbox) -> None:
    for _ in range(2):
        await send(NoteEmail(to="ann@example.com", name="Ann"))
    assert len({mail.message_id for mail in mailbox}) == 2


async def test_the_message_id_is_on_our_domain(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "mail_from", "Ours <noreply@mail.example.org>")
    message_id = await send(NoteEmail(to="ann@example.com", name="Ann"))
    assert message_id.endswith("@mail.example.org")
    assert mailbox.latest.message_id == f"<{message_id}>"
    assert mailbox.latest.sender == "Ours <noreply@mail.example.org>"


async def test_each_attempt_of_a_job_sends_the_same_message_id(mailbox: Mailbox) -> None:
    first = job("ann")
    await attempt(first)
    await attempt(replace(first, attempt=2))
    one, other = mailbox
    assert one.message_id == other.message_id
    assert one.message_id.endswith("@example.com>")


async def test_other_jobs_and_other_recipients_have_other_message_ids(mailbox: Mailbox) -> None:
    await attempt(job("ann", "bob"))
    await attempt(job("ann"))
    assert len({mail.message_id for mail in mailbox}) == 3


async def test_a_final_refusal_fails_the_job_with_the_words_of_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(SmtpServer({"RCPT": "550 No such user here"})) as server:
        monkeypatch.setattr(settings, "mail_url", f"smtp://127.0.0.1:{server.port}")
        outcome = await attempt(job("ann"))
    assert outcome.status == JobStatus.FAILED
    assert outcome.error == "PermanentMailError: 550 No such user here"


async def test_a_job_that_the_server_puts_off_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(SmtpServer({"RCPT": "451 Greylisted"})) as server:
        monkeypatch.setattr(settings, "mail_url", f"smtp://127.0.0.1:{server.port}")
        outcome = await attempt(job("ann"))
        assert outcome.status == JobStatus.READY
        server.answers.clear()
        assert (await attempt(replace(outcome.job, attempt=2))).status == JobStatus.SUCCESSFUL
    assert len(server.envelopes) == 1
