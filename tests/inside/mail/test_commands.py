from kit.mail.models import MailLog, MailOutcome
from kit.testing.forked import run_manage
from sqlmodel.ext.asyncio.session import AsyncSession


def entry(recipient: str, outcome: MailOutcome, answer: str) -> MailLog:
    return MailLog(
        recipient=recipient, email="NoteEmail", message_id="1@x", outcome=outcome, answer=answer
    )


async def test_the_log_shows_what_became_of_each_mail(session: AsyncSession) -> None:
    session.add(entry("ann@example.com", MailOutcome.SENT, "250 OK"))
    session.add(entry("bob@example.com", MailOutcome.REFUSED, "550 no such user"))
    await session.commit()
    done = await run_manage("mail", "log")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2
    done = await run_manage("mail", "log", "--to", "bob@example.com", "--outcome", "refused")
    [line] = done.stdout.splitlines()
    assert "refused   bob@example.com  NoteEmail  <1@x>  550 no such user" in line


async def test_an_empty_log_says_so() -> None:
    done = await run_manage("mail", "log", "--to", "nobody@example.com")
    assert (done.returncode, done.stdout) == (0, "")
    assert "No e-mails." in done.stderr


async def test_an_outcome_that_does_not_exist_is_refused() -> None:
    done = await run_manage("mail", "log", "--outcome", "lost")
    assert done.returncode == 2
    assert "'lost' is not one of" in done.stderr


async def test_a_test_mail_gets_into_the_log() -> None:
    done = await run_manage("sendtestemail", "ann@example.com", MAIL_URL="console://")
    assert done.returncode == 0, done.stderr
    done = await run_manage("mail", "log")
    assert "DeliveryTestEmail" in done.stdout
