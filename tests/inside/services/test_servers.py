"""The servers that other tests rely on do die, come back and fall silent."""

import signal
import smtplib
import socket
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from kit.testing import Manage, Server
from kit.testing.smtp import HANG_UP, SmtpSink

pytestmark = pytest.mark.service

GREETINGS = {
    "redis": b"PING\r\n",
    "rabbitmq": b"AMQP\0\0\x09\x01",
    "postgresql": b"\0\0\0\x08\x04\xd2\x16\x2f",  # may I use TLS?
    "smtp": b"NOOP\r\n",
}


@pytest.fixture(params=list(GREETINGS))
def server(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def greet(server: Server, request: pytest.FixtureRequest) -> Callable[[], bytes]:
    def greet() -> bytes:
        greeting = GREETINGS[request.node.callspec.params["server"]]
        with socket.create_connection(("127.0.0.1", server.proxy.port), timeout=1) as connection:
            connection.sendall(greeting)
            return connection.recv(100)

    return greet


def test_a_server_answers_at_its_url(server: Server, greet: Callable[[], bytes]) -> None:
    assert str(server.proxy.port) in server.url
    assert greet()


def test_a_killed_server_refuses_and_comes_back_at_the_same_url(
    server: Server, greet: Callable[[], bytes]
) -> None:
    server.kill()
    with pytest.raises(ConnectionRefusedError):
        greet()
    server.start()
    assert greet()


def test_in_a_black_hole_nothing_is_answered_and_nothing_refused(
    server: Server, greet: Callable[[], bytes]
) -> None:
    with server.black_hole(), pytest.raises(TimeoutError):
        greet()
    assert greet()


def test_a_connection_that_was_open_freezes_in_the_black_hole(smtp: SmtpSink) -> None:
    client = smtplib.SMTP("127.0.0.1", smtp.proxy.port, timeout=0.3)
    with smtp.black_hole(), pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        client.docmd("NOOP")


def _message() -> EmailMessage:
    message = EmailMessage()
    message["To"], message["Message-ID"] = "ada@example.com", "<1@example.com>"
    message.set_content("Hello")
    return message


def test_the_mail_server_counts_what_it_took(smtp: SmtpSink) -> None:
    with smtplib.SMTP("127.0.0.1", smtp.proxy.port) as client:
        for _ in range(2):
            client.send_message(_message(), "us@example.com")
        smtp.answer = "451 Try again later"
        with pytest.raises(smtplib.SMTPDataError):
            client.send_message(_message(), "us@example.com")
    assert smtp.copies == {"<1@example.com>": 2}
    assert len(smtp.to("ada@example.com")) == 2


def test_the_mail_server_hangs_up_after_it_took_a_message(smtp: SmtpSink) -> None:
    smtp.answer = HANG_UP
    client = smtplib.SMTP("127.0.0.1", smtp.proxy.port)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.send_message(_message(), "us@example.com")
    assert smtp.copies == {"<1@example.com>": 1}


def test_the_web_server_answers_until_sigterm(manage: Manage) -> None:
    web, url = manage.serve(TASKS_ENGINE="inprocess")
    web.until_it_answers(f"{url}/readyz")
    assert web.stop() == -signal.SIGTERM
    assert "Traceback" not in web.output
