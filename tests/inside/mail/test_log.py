import asyncio
from datetime import timedelta

import pytest
import time_machine
from jinja2 import UndefinedError
from kit.database import Session, utcnow
from kit.mail import log, send, smtp
from kit.mail.errors import PermanentMailError, TemporaryMailError
from kit.mail.models import MailLog, MailOutcome
from kit.mail.tasks import KEEP, prune_old_mail_log
from kit.settings import settings
from kit.tasks import Job, JobStatus, task
from kit.tasks.worker.worker import run_now
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.mail.emails import CarelessEmail, NoteEmail
from inside.mail.smtp_server import SmtpServer, running


@task(max_attempts=2)
async def send_note(name: str) -> None:
    await send(NoteEmail(to=f"{name}@example.com", name=name))


async def entries(**wanted: object) -> list[MailLog]:
    """The newest first."""
    await log.written()
    async with Session() as session:
        return list(await log.list_mail(session, **wanted))  # type: ignore[arg-type]


async def send_by_job(session: AsyncSession) -> None:
    await send_note.enqueue(session, name="ann")
    await session.commit()


async def test_what_was_taken_is_kept_with_the_words_of_the_server(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(SmtpServer({"DATA": "250 2.0.0 queued as 4F2"})) as server:
        monkeypatch.setattr(settings, "mail_url", f"smtp://127.0.0.1:{server.port}")
        await send_by_job(session)
    [entry] = await entries()
    assert (entry.outcome, entry.answer) == (MailOutcome.SENT, "250 2.0.0 queued as 4F2")
    assert (entry.recipient, entry.email) == ("ann@example.com", "NoteEmail")
    assert entry.message_id.endswith("@example.com")
    assert entry.job_id is not None
    assert utcnow() - entry.at < timedelta(minutes=1)


async def test_each_try_is_kept_until_there_is_no_other(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(SmtpServer({"RCPT": "451 4.7.1 Greylisted"})) as server:
        monkeypatch.setattr(settings, "mail_url", f"smtp://127.0.0.1:{server.port}")
        await send_by_job(session)
        with time_machine.travel(utcnow() + timedelta(hours=1)):
            await run_now()
    last, first = await entries()
    assert (first.outcome, last.outcome) == (MailOutcome.RETRYING, MailOutcome.FAILED)
    assert {first.answer, last.answer} == {"451 4.7.1 Greylisted"}
    assert first.message_id == last.message_id


async def test_a_refusal_is_kept_without_the_address_that_the_server_repeats(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(SmtpServer({"RCPT": "550 <ann@example.com> unknown"})) as server:
        monkeypatch.setattr(settings, "mail_url", f"smtp://127.0.0.1:{server.port}")
        await send_by_job(session)
    [entry] = await entries(outcome=MailOutcome.REFUSED)
    assert entry.answer == "550 <address> unknown"


async def test_bytes_that_are_no_text_do_not_make_a_mail_go_out_again(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the entry refused by the database, the job could not be settled either."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"250 re\xe7u \x1b[31m\x00 4F2\r\n")
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        monkeypatch.setattr(settings, "mail_url", f"smtp://127.0.0.1:{port}")
        await send_by_job(session)
        job = (await session.exec(select(Job))).one()
        await smtp.close()
    assert job.status == JobStatus.SUCCESSFUL
    [entry] = await entries()
    assert entry.answer == "250 re u [31m 4F2"


async def test_outside_of_a_job_the_outcome_is_kept_too(mailbox: object) -> None:
    await send(NoteEmail(to="ann@example.com", name="Ann"))
    [entry] = await entries()
    assert (entry.outcome, entry.job_id) == (MailOutcome.SENT, None)


async def test_a_mail_does_not_wait_for_the_transaction_of_its_sender(
    session: AsyncSession, mailbox: object
) -> None:
    """SQLite has one writer at a time: to wait for the log here would be to wait for ever."""
    session.add(
        MailLog(recipient="x", email="x", message_id="x", outcome=MailOutcome.SENT, answer="")
    )
    await session.flush()
    await send(NoteEmail(to="ann@example.com", name="Ann"))
    await session.commit()
    assert len(await entries()) == 2


async def test_a_server_that_is_away_is_an_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(SmtpServer()) as server:
        pass
    monkeypatch.setattr(settings, "mail_url", f"smtp://127.0.0.1:{server.port}")
    with pytest.raises(TemporaryMailError):
        await send(NoteEmail(to="ann@example.com", name="Ann"))
    [entry] = await entries()
    assert entry.outcome == MailOutcome.FAILED
    assert "connect" in entry.answer


async def test_a_long_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(SmtpServer({"RCPT": "550" + " no" * 1000})) as server:
        monkeypatch.setattr(settings, "mail_url", f"smtp://127.0.0.1:{server.port}")
        with pytest.raises(PermanentMailError):
            await send(NoteEmail(to="ann@example.com", name="Ann"))
    [entry] = await entries()
    assert len(entry.answer) == 500


async def test_what_could_not_be_rendered_is_no_message() -> None:
    with pytest.raises(UndefinedError):
        await send(CarelessEmail(to="ann@example.com"))
    assert not await entries()


async def test_neither_name_nor_link_gets_into_the_log(mailbox: object) -> None:
    note = NoteEmail(to="ann@example.com", name="Zebediah", link="https://x/?token=s3cret")
    await send(note)
    [entry] = await entries()
    kept = str(entry.model_dump())
    assert "Zebediah" not in kept
    assert "s3cret" not in kept


async def test_the_log_is_found_by_address_and_outcome(mailbox: object) -> None:
    await send(NoteEmail(to="ann@example.com", name="Ann"))
    await send(NoteEmail(to="bob@example.com", name="Bob"))
    assert [entry.recipient for entry in await entries(limit=1)] == ["bob@example.com"]
    assert [entry.recipient for entry in await entries(recipient="ann@example.com")] == [
        "ann@example.com"
    ]
    assert not await entries(outcome=MailOutcome.FAILED)


async def test_what_is_old_is_forgotten(mailbox: object) -> None:
    with time_machine.travel(utcnow() - KEEP - timedelta(minutes=1)):
        await send(NoteEmail(to="old@example.com", name="Old"))
        await log.written()
    await send(NoteEmail(to="ann@example.com", name="Ann"))
    await log.written()
    await prune_old_mail_log()
    assert [entry.recipient for entry in await entries()] == ["ann@example.com"]
