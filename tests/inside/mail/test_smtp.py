import asyncio
import os
import re
import ssl
import traceback
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.smtp import Envelope
from kit.dev.reading import Letter
from kit.mail import smtp
from kit.mail.errors import PermanentMailError, TemporaryMailError
from kit.mail.message import Message, compose
from kit.mail.server import MailServer
from kit.mail.transports import transport_for
from kit.testing.forked import python

from inside.mail.emails import NoteEmail
from inside.mail.smtp_server import SmtpServer, running

PASSWORD = "p%40ss%3A%2F%23"
"""`p@ss:/#`, as MAIL_URL writes it."""


def note(to: str = "ann@example.com", name: str = "Ann") -> Message:
    return compose(NoteEmail(to=to, name=name), "abc@example.com")


async def send(server: SmtpServer, message: Message | None = None, options: str = "") -> None:
    await transport_for(f"smtp://127.0.0.1:{server.port}{options}").send(message or note())


def wire(envelope: Envelope) -> bytes:
    assert isinstance(envelope.content, bytes)
    return envelope.content


@pytest.mark.parametrize("name", ["Ann", "Zoë <script>", "x" * 2000, ".\r\n.\r\nQUIT"])
async def test_what_goes_over_the_wire_has_no_defect(name: str) -> None:
    async with running(SmtpServer()) as server:
        await send(server, note(name=name))
    [envelope] = server.envelopes
    message = message_from_bytes(wire(envelope), policy=default.clone(raise_on_defect=True))
    assert not [defect for part in message.walk() for defect in part.defects]
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert len(message.get_all("Message-ID", [])) == 1
    assert message["Message-ID"] == "<abc@example.com>"
    assert Letter(message).text == note(name=name).text.replace("\r\n", "\n")


async def test_the_envelope_holds_the_bare_addresses() -> None:
    async with running(SmtpServer()) as server:
        await send(server)
    [envelope] = server.envelopes
    assert envelope.mail_from == "noreply@example.com"
    assert envelope.rcpt_tos == ["ann@example.com"]


async def test_the_server_is_greeted_with_our_domain_and_not_with_the_host_name() -> None:
    async with running(SmtpServer()) as server:
        await send(server)
    assert server.hostnames == ["example.com"]


async def test_the_environment_of_the_process_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SUPPRESS_SEND", "TIMEOUT", "MAIL_PORT", "MAIL_SSL_TLS", "USE_CREDENTIALS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("MAIL_SERVER", "mail.example.com")
    async with running(SmtpServer()) as server:
        await send(server)
    assert len(server.envelopes) == 1


async def test_an_international_domain_needs_nothing_of_the_server() -> None:
    async with running(SmtpServer(), enable_SMTPUTF8=False) as server:
        await send(server, note(to="ann@bücher.example.com"))
    assert server.envelopes[0].rcpt_tos == ["ann@xn--bcher-kva.example.com"]


async def test_an_international_local_part_is_sent_with_smtputf8() -> None:
    async with running(SmtpServer(), enable_SMTPUTF8=True) as server:
        await send(server, note(to="jörg@bücher.example.com"))
    [envelope] = server.envelopes
    assert envelope.rcpt_tos == ["jörg@xn--bcher-kva.example.com"]
    assert envelope.smtp_utf8
    assert "To: jörg@xn--bcher-kva.example.com".encode() in wire(envelope)


async def test_a_server_without_smtputf8_is_final_for_such_an_address() -> None:
    async with running(SmtpServer(), enable_SMTPUTF8=False) as server:
        with pytest.raises(PermanentMailError, match="SMTPUTF8"):
            await send(server, note(to="jörg@example.com"))


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_5xx_is_final_and_carries_the_words_of_the_server(command: str) -> None:
    async with running(SmtpServer({command: "550 5.1.1 No such user here"})) as server:
        with pytest.raises(PermanentMailError, match=r"^550 5\.1\.1 No such user here$"):
            await send(server)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_4xx_may_pass(command: str) -> None:
    async with running(SmtpServer({command: "451 4.7.1 Greylisted, come back"})) as server:
        with pytest.raises(TemporaryMailError, match=r"^451 4\.7\.1 Greylisted, come back$"):
            await send(server)


@pytest.mark.parametrize("code", [451, 550])
@pytest.mark.parametrize("command", ["RCPT", "DATA"])
async def test_no_address_and_no_link_gets_into_a_log(command: str, code: int) -> None:
    words = "<ann@example.com>: ann@example.com, bob@example.com; http://x/?token=s3cret no"
    async with running(SmtpServer({command: f"{code} {words}"})) as server:
        with pytest.raises((TemporaryMailError, PermanentMailError)) as error:
            await send(server)
    told = "".join(traceback.format_exception(error.value))
    assert f"{code} <address>: <address>, <address>; http://x/?token=… no" in told
    assert not re.search(r"ann@|bob@|s3cret", told)


async def test_a_final_refusal_stays_one_when_the_server_hangs_up_after_it() -> None:
    async def refuse_and_go(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            refused = line.startswith(b"RCPT")
            writer.write(b"550 go away\r\n" if refused else b"250 OK\r\n")
            if refused:
                break
        writer.close()

    async with await asyncio.start_server(refuse_and_go, "127.0.0.1", 0) as listener:
        server = SmtpServer(port=listener.sockets[0].getsockname()[1])
        with pytest.raises(PermanentMailError, match="550 go away"):
            await send(server)


async def test_a_refused_connection_may_pass() -> None:
    async with running(SmtpServer()) as server:
        pass
    with pytest.raises(TemporaryMailError, match="connect"):
        await send(server)


async def test_an_earlier_refusal_does_not_make_the_next_failure_final() -> None:
    async with running(SmtpServer({"RCPT": "550 No such user"})) as server:
        try:
            await send(server)
        except PermanentMailError:
            server.answers["RCPT"] = "451 Later"
            with pytest.raises(TemporaryMailError, match="451 Later"):
                await send(server)


async def test_a_lost_connection_may_pass() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as listener:
        server = SmtpServer(port=listener.sockets[0].getsockname()[1])
        with pytest.raises(TemporaryMailError):
            await send(server)


async def test_a_server_that_does_not_answer_in_time_may_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT", 1)
    async with running(SmtpServer(delay=3)) as server:
        with pytest.raises(TemporaryMailError, match="Timed out"):
            await send(server)


async def test_a_host_without_address_may_pass() -> None:
    with pytest.raises(TemporaryMailError):
        await transport_for("smtp://nowhere.invalid:2525").send(note())


async def test_a_wrong_password_may_pass_because_it_is_the_operators_mistake() -> None:
    async with running(SmtpServer(), auth_require_tls=False) as server:
        url = f"smtp://app:wrong@127.0.0.1:{server.port}?tls=none"
        with pytest.raises(TemporaryMailError, match="535") as error:
            await transport_for(url).send(note())
    assert "wrong" not in str(error.value)


async def test_a_password_with_special_characters_reaches_the_server() -> None:
    async with running(SmtpServer(), auth_require_tls=False) as server:
        url = f"smtp://app%40example.com:{PASSWORD}@127.0.0.1:{server.port}?tls=none"
        await transport_for(url).send(note())
    assert (b"app@example.com", b"p@ss:/#") in server.logins
    assert len(server.envelopes) == 1


@pytest.mark.parametrize("options", ["", "?tls=starttls"])
async def test_starttls_is_used_where_it_is_offered(
    options: str, server_tls: ssl.SSLContext
) -> None:
    async with running(SmtpServer(), tls_context=server_tls) as server:
        await send(server, options=options)
    assert server.over_tls == [True]


async def test_starttls_that_is_asked_for_and_not_offered_sends_nothing() -> None:
    async with running(SmtpServer()) as server:
        with pytest.raises(TemporaryMailError, match="STARTTLS"):
            await send(server, options="?tls=starttls")
    assert not server.envelopes


async def test_smtps_is_tls_from_the_first_byte_on(server_tls: ssl.SSLContext) -> None:
    async with running(SmtpServer(), implicit_tls=server_tls) as server:
        await transport_for(f"smtps://127.0.0.1:{server.port}").send(note())
    assert len(server.envelopes) == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with running(SmtpServer(), tls_context=server_tls) as server:
        with pytest.raises(TemporaryMailError, match="certificate"):
            await send(server)
    assert not server.envelopes


def test_fastapi_mail_is_imported_by_nothing_but_a_message_that_leaves() -> None:
    code = "import sys, kit.mail, kit.mail.rendering; print('fastapi_mail' in sys.modules)"
    assert python(code, dict(os.environ)).stdout == "False\n"


async def test_fastapi_mails_recorder_sees_what_was_sent() -> None:
    async with running(SmtpServer()) as server:
        to = MailServer("127.0.0.1", server.port, "", "", "none")
        mailer = smtp.Mailer(smtp._config(to, domain="example.com"))
        with mailer.record_messages() as recorded:
            await mailer.post(note(name="Zoë"))
    [message] = recorded
    assert str(message["Subject"]).startswith("Zoë, a note")
