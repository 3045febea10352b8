from pathlib import Path
from urllib.parse import quote

import pytest
from kit.database import Session
from kit.mail import send, transports
from kit.mail.log import list_mail, written
from kit.mail.message import Message, compose
from kit.mail.server import MailServer
from kit.mail.transports import Transport, transport_for
from kit.mail.transports.console import Console
from kit.mail.transports.file import Folder
from kit.mail.transports.memory import Memory, outbox
from kit.mail.transports.smtp import Smtp
from kit.settings import settings

from inside.mail.emails import NoteEmail

PROVIDERS = Path(__file__).parent / "providers"


def note(message_id: str = "abc@example.com", name: str = "Ann") -> Message:
    return compose(NoteEmail(to="ann@example.com", name=name), message_id)


@pytest.mark.parametrize(
    ("url", "transport"),
    [
        ("mailbox://", Folder(Path("var/mail"))),
        ("file:///srv/sent%20mail", Folder(Path("/srv/sent mail"))),
        ("memory://", Memory(outbox)),
        ("smtp://localhost", Smtp(MailServer("localhost", 25, "", "", "auto"))),
        ("smtp://localhost:1025", Smtp(MailServer("localhost", 1025, "", "", "auto"))),
        (
            "smtp://mail.example.com:587",
            Smtp(MailServer("mail.example.com", 587, "", "", "starttls")),
        ),
        (
            "smtp://u:p@mail.example.com",
            Smtp(MailServer("mail.example.com", 587, "u", "p", "starttls")),
        ),
        ("smtp://u:p@h:2525?tls=none", Smtp(MailServer("h", 2525, "u", "p", "none"))),
        ("smtp://h:25?tls=starttls", Smtp(MailServer("h", 25, "", "", "starttls"))),
        ("smtp://u%40h:p%3A%2F%23@h", Smtp(MailServer("h", 587, "u@h", "p:/#", "starttls"))),
        ("smtps://u:p@h", Smtp(MailServer("h", 465, "u", "p", "implicit"))),
        ("smtp://[::1]:1025", Smtp(MailServer("::1", 1025, "", "", "auto"))),
    ],
)
def test_mail_url_chooses_the_transport(url: str, transport: Transport) -> None:
    assert transport_for(url) == transport


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "must start with"),
        ("raven://", "must start with one of console://, file://"),
        ("mailbox://elsewhere", "nothing may follow"),
        ("console://x", "nothing may follow"),
        ("memory:///x", "nothing may follow"),
        ("file://relative/folder", "absolute"),
        ("file:///", "absolute"),
        ("file:relative", "absolute"),
        ("smtps://host:0", "a number from 1 to 65535"),
        ("smtp://", "host"),
        ("smtp://u:hunter2@", "host"),
        ("smtp://h:port", "port"),
        ("smtp://h:99999", "port"),
        ("smtp://u@h", "both user and password"),
        ("smtp://u:hunter2@h?tls=perhaps", "tls must be"),
        ("smtp://u:hunter2@h?tsl=none", "'tsl'"),
        ("smtp://u:hunter2@h/path", "nothing may follow"),
        ("smtp://u:hunter2#@h", "nothing may follow|host|port"),
        ("smtps://u:hunter2@h?tls=starttls", "takes no tls"),
        ("smtp://[::1", "no URL"),
    ],
)
def test_a_senseless_mail_url_is_refused_in_one_line_without_the_password(
    url: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint) as refusal:
        transport_for(url)
    assert "\n" not in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_the_password_is_not_shown() -> None:
    assert "hunter2" not in repr(transport_for("smtp://ann:hunter2@mail.example.com"))


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_folder_keeps_each_message_as_a_file(tmp_path: Path) -> None:
    message = note(name="Zoë")
    await transport_for(f"file://{quote(str(tmp_path / 'new folder'))}").send(message)
    [name] = names(tmp_path / "new folder")
    assert name.endswith(".eml")
    assert (tmp_path / "new folder" / name).read_bytes() == message.raw


async def test_a_folder_keeps_a_message_that_is_sent_again_once(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    await folder.send(note(name="Ann"))
    await folder.send(note(name="Ann, again"))
    await folder.send(note("other@example.com"))
    assert len(names(tmp_path)) == 2


async def test_a_message_id_leads_to_no_other_folder(tmp_path: Path) -> None:
    await Folder(tmp_path / "mail").send(note("../../escape@example.com"))
    assert names(tmp_path) == ["mail"]


async def test_the_console_shows_the_headers_and_the_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await Console().send(note(name="Zoë"))
    shown = capsys.readouterr().out
    assert "To: ann@example.com" in shown
    assert "Hello Zoë," in shown
    assert "<html" not in shown


async def test_memory_keeps_messages_in_order() -> None:
    memory = Memory([])
    first, second = note("1@example.com"), note("2@example.com")
    await memory.send(first)
    await memory.send(second)
    assert memory.outbox == [first, second]


async def test_a_provider_is_one_file_that_its_scheme_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transports, "__path__", [*transports.__path__, str(PROVIDERS)])
    monkeypatch.setattr(settings, "mail_url", "pigeon://hunter2@api.example.com")
    await send(NoteEmail(to="ann@example.com", name="Ann"))
    await written()
    async with Session() as session:
        [entry] = await list_mail(session)
    assert entry.answer == "202 pigeon 1 left"
    assert "hunter2" not in repr(transport_for(settings.mail_url))
