from pathlib import Path

import pytest
from kit.mail import Attachment
from kit.mail.attachments import LIMIT
from kit.mail.message import Message, compose
from pydantic import ValidationError

from inside.mail.emails import NoteEmail
from inside.mail.test_message import parse

PDF = Attachment(
    name="invoice.pdf", content=b"%PDF \xff\x00\r\n" * 20, media_type="application/pdf"
)


def note(*attachments: Attachment) -> Message:
    email = NoteEmail(to="ann@example.com", name="Ann", attachments=attachments)
    return compose(email, "abc@example.com")


def test_a_file_goes_with_the_text_and_the_html() -> None:
    parsed = parse(note(PDF))
    assert parsed.get_content_type() == "multipart/mixed"
    assert [part.get_content_type() for part in parsed.iter_parts()] == [
        "multipart/alternative",
        "application/pdf",
    ]
    [file] = parsed.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("invoice.pdf", PDF.content)
    body = parsed.get_body(("plain",))
    assert body is not None
    assert "Hello Ann" in body.get_content()


@pytest.mark.parametrize(
    "name", ["Rechnung für März.pdf", "請求書.pdf", 'a "b"; c=d.pdf', "x" * 200]
)
def test_any_name_arrives_as_it_is(name: str) -> None:
    [file] = parse(note(PDF.model_copy(update={"name": name}))).iter_attachments()
    assert file.get_filename() == name


@pytest.mark.parametrize("media_type", ["text/plain", "text/calendar", "image/png", "video/mp4"])
def test_the_bytes_arrive_whatever_the_type(media_type: str) -> None:
    content = "Zoë\n\r\n=\0".encode()
    message = note(Attachment(name="x", content=content, media_type=media_type))
    [file] = parse(message).iter_attachments()
    assert file.get_payload(decode=True) == content


async def test_a_file_is_read_and_its_type_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"png")
    file = await Attachment.read(tmp_path / "logo.png")
    assert file == Attachment(name="logo.png", content=b"png", media_type="image/png")


async def test_a_message_is_sent_as_any_other_file(tmp_path: Path) -> None:
    (tmp_path / "old.eml").write_bytes(b"Subject: x\n\nx")
    assert (await Attachment.read(tmp_path / "old.eml")).media_type == "application/octet-stream"


async def test_a_missing_file_is_named_where_it_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"invoice\.pdf"):
        await Attachment.read(tmp_path / "invoice.pdf")


def test_what_no_server_would_take_is_refused_where_the_email_is_made() -> None:
    half = Attachment(name="x", content=bytes(LIMIT // 2 + 1), media_type="image/png")
    with pytest.raises(ValidationError, match=r"7\.0 MB are too much for a mail; 7 fit"):
        note(half, half)


async def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    with (tmp_path / "film.mp4").open("wb") as file:
        file.truncate(10 * LIMIT)
    with pytest.raises(ValueError, match=r"film\.mp4: 70\.0 MB are too much for a mail"):
        await Attachment.read(tmp_path / "film.mp4")


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("", "image/png"),
        ("../../etc/passwd", "image/png"),
        ("a\\b", "image/png"),
        ("a\r\nBcc: bob@example.com", "image/png"),
        ("gnp.\u202eexe", "image/png"),
        ("x", "png"),
        ("x", "image/png\r\nBcc: bob@example.com"),
        ("x", "multipart/mixed"),
        ("x", "message/rfc822"),
    ],
)
def test_a_name_or_type_that_could_do_harm_is_refused(name: str, media_type: str) -> None:
    with pytest.raises(ValidationError):
        Attachment(name=name, content=b"", media_type=media_type)
