"""What is on the wire, as a strict parser reads it."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from kit.dev.reading import Letter
from kit.mail.emails import DeliveryTestEmail
from kit.mail.message import Message, compose
from kit.settings import settings

from inside.mail.emails import AnswerableEmail, NoteEmail

STRICT = default.clone(raise_on_defect=True)
"""Raises on the first violation of the standards that the parser knows."""


def parse(message: Message) -> EmailMessage:
    parsed = message_from_bytes(message.raw, policy=STRICT)
    assert not [defect for part in parsed.walk() for defect in part.defects]
    return parsed


def note(name: str = "Ann", to: str = "ann@example.com") -> Message:
    return compose(NoteEmail(to=to, name=name), "abc@example.com")


NAMES = [
    "Ann",
    "Zoë",
    "O'Brien <script>",
    "名前",
    "x" * 5000,
    "=_a --=_b",
    ".",
    "From here = there",
    "ends in a space ",
    "tab\tbell\a",
    "\r\rlines\r\n\n.\r\n.\r\n",
    "🎉" * 100,
]


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_on_the_wire_have_no_defect(name: str) -> None:
    parsed = parse(note(name))
    assert parsed.get_content_type() == "multipart/alternative"
    assert "Content-Transfer-Encoding" not in parsed


@pytest.mark.parametrize("name", NAMES)
def test_both_parts_arrive_as_they_were_rendered(name: str) -> None:
    message = note(name)
    letter = Letter(parse(message))
    assert letter.text == "\n".join(message.text.replace("\r\n", "\n").split("\r"))
    assert letter.html == "\n".join(message.html.replace("\r\n", "\n").split("\r"))


@pytest.mark.parametrize("name", NAMES)
def test_every_line_is_short_ends_in_crlf_and_is_ascii(name: str) -> None:
    lines = note(name).raw.split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert not [line for line in lines if b"\n" in line or b"\r" in line]
    assert note(name).raw.isascii()


def test_the_text_comes_first_and_the_html_is_its_alternative() -> None:
    types = [part.get_content_type() for part in parse(note()).iter_parts()]
    assert types == ["text/plain", "text/html"]


def test_a_link_with_an_ampersand_arrives_whole_in_both_parts() -> None:
    letter = Letter(parse(note()))
    link = "https://example.com/verify-email?a=1&token=abc"
    assert link in letter.text
    assert link in letter.links
    assert f'href="{link.replace("&", "&amp;")}"' in letter.html


def test_the_headers_say_who_what_and_when() -> None:
    message = parse(note())
    assert str(message["From"]) == str(parse(compose(DeliveryTestEmail.sample(), "x@y.z"))["From"])
    assert message["From"].addresses[0].display_name == settings.project_name
    assert message["To"] == "ann@example.com"
    assert message["Subject"] == f"Ann, a note from {settings.project_name}"
    assert message["Message-ID"] == "<abc@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Reply-To"] is None
    assert abs(message["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)


def test_answers_go_where_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "mail_reply_to", "Zoë's desk <help@example.org>")
    [reply_to] = parse(note())["Reply-To"].addresses
    assert (reply_to.display_name, reply_to.addr_spec) == ("Zoë's desk", "help@example.org")


def test_an_email_of_its_own_mind_sends_answers_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "mail_reply_to", "help@example.org")
    message = compose(AnswerableEmail(to="ann@example.com", name="Ann"), "abc@example.com")
    assert parse(message)["Reply-To"] == "Orders <orders@example.com>"


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\0"])
def test_no_name_can_add_a_header(break_: str) -> None:
    message = parse(note(f"Ann{break_}Bcc: bob@example.com"))
    assert message["Bcc"] is None
    assert str(message["Subject"]).startswith("Ann Bcc: bob@example.com, a note")


@pytest.mark.parametrize(
    "name",
    ["=?utf-8?q?Bcc=3A?=", "=?utf-8?b?DQpCY2M6IGI=?=", "a" * 66, "🎉" * 90, "é" * 300, "a b" * 75],
)
def test_a_strange_or_long_subject_arrives_whole(name: str) -> None:
    message = parse(note(name))
    assert str(message["Subject"]) == f"{name}, a note from {settings.project_name}".replace(
        "  ", " "
    )
    assert message["Bcc"] is None


def test_an_international_domain_is_written_in_its_ascii_form() -> None:
    message = note(to="ann@bücher.example.com")
    assert parse(message)["To"] == "ann@xn--bcher-kva.example.com"
    assert message.is_ascii


def test_an_international_local_part_stays_as_it_is() -> None:
    message = note(to="jörg@example.com")
    assert str(message_from_bytes(message.raw, policy=default)["To"]) == "jörg@example.com"
    assert not message.is_ascii


def test_an_address_with_unusual_characters_stays_one_address() -> None:
    [address] = parse(note(to="a+b=c'd@example.com"))["To"].addresses
    assert address.addr_spec == "a+b=c'd@example.com"


def test_a_message_has_its_parts_for_providers_that_want_them() -> None:
    message = note()
    assert (message.to, message.sender.addr_spec) == ("ann@example.com", "noreply@example.com")
    assert message.text.startswith("Hello Ann,")
    assert "<h1" in message.html
