"""Connections that are kept, against a server that sees how many there are."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from threading import Thread

import pytest
from kit.mail import connections
from kit.mail.errors import PermanentMailError, TemporaryMailError
from kit.mail.message import compose
from kit.mail.transports import Transport, transport_for
from kit.mail.transports.smtp import Smtp

from app.main import app
from inside.mail.emails import NoteEmail
from inside.mail.smtp_server import SmtpServer, running


@dataclass
class Dialogue:
    """A server that notes what it is told on each connection, and may be told to hang up."""

    heard: list[list[str]] = field(default_factory=list)
    hang_up_at: Callable[[int, list[str]], bool] = lambda connection, heard: False
    answer: str = "250 OK"
    """To the message itself."""
    answers: dict[str, str] = field(default_factory=dict)
    """To commands, where it is another than the usual one."""
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    talks: list["asyncio.Task[None] | None"] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """One of the connections is over."""

    @property
    def messages(self) -> list[int]:
        """How many messages each connection brought."""
        return [heard.count("DATA") for heard in self.heard]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self.talks.append(asyncio.current_task())
        heard: list[str] = []
        number = len(self.heard)
        self.heard.append(heard)
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            heard.append(line.decode()[:4].strip().upper())
            if self.hang_up_at(number, heard):
                break
            if heard[-1] == "DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                heard.append("MESSAGE")
                if self.hang_up_at(number, heard):
                    break
                writer.write(f"{self.answer}\r\n".encode())
            else:
                usual = "221 bye" if heard[-1] == "QUIT" else "250 OK"
                writer.write(f"{self.answers.get(heard[-1], usual)}\r\n".encode())
        self.ended.set()
        writer.close()

    async def end(self) -> None:
        """Leave no task behind, for another test to be blamed for."""
        for writer in self.writers:
            writer.close()
        await asyncio.gather(*filter(None, self.talks), return_exceptions=True)

    async def forget_everybody(self) -> None:
        """As a server that is started anew."""
        for writer in self.writers:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def listening(dialogue: Dialogue) -> AsyncIterator[Transport]:
    server = await asyncio.start_server(dialogue.talk, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield transport_for(f"smtp://127.0.0.1:{port}?tls=none")
    finally:
        server.close()
        await dialogue.end()


async def send(transport: Transport, times: int = 1) -> str:
    answer = ""
    for number in range(times):
        note = NoteEmail(to="ann@example.com", name="Ann")
        answer = await transport.send(compose(note, f"{number}@example.com"))
    return answer


async def test_messages_one_after_another_share_one_connection() -> None:
    async with listening(server := Dialogue()) as transport:
        assert await send(transport, 5) == "250 OK"
    assert server.messages == [5]


async def test_messages_at_the_same_time_share_ten_connections() -> None:
    async with listening(server := Dialogue()) as transport:
        await asyncio.gather(*(send(transport) for _ in range(40)))
    assert sum(server.messages) == 40
    assert len(server.messages) == connections.MOST


async def test_a_connection_has_had_enough_after_a_hundred_messages() -> None:
    async with listening(server := Dialogue()) as transport:
        await send(transport, connections.MESSAGES + 1)
    assert server.messages == [connections.MESSAGES, 1]
    assert server.heard[0][-1] == "QUIT"


async def test_a_connection_that_rested_for_long_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with listening(server := Dialogue()) as transport:
        await send(transport)
        monkeypatch.setattr(connections, "IDLE", 0)
        await send(transport)
    assert server.messages == [1, 1]


async def test_after_a_restart_of_the_server_the_next_message_has_a_new_connection() -> None:
    async with listening(server := Dialogue()) as transport:
        await send(transport, 2)
        await server.forget_everybody()
        await send(transport)
    assert server.messages == [2, 1]


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
async def test_a_kept_connection_that_dies_before_data_is_replaced_at_once(command: str) -> None:
    def at_the_second(connection: int, heard: list[str]) -> bool:
        return connection == 0 and heard.count(command) == 2

    async with listening(server := Dialogue(hang_up_at=at_the_second)) as transport:
        assert await send(transport, 2) == "250 OK"
    assert server.messages == [1, 1]


@pytest.mark.parametrize("moment", ["DATA", "MESSAGE"])
async def test_what_was_perhaps_delivered_is_not_sent_again(moment: str) -> None:
    def at_the_second(connection: int, heard: list[str]) -> bool:
        return heard.count(moment) == 2

    async with listening(server := Dialogue(hang_up_at=at_the_second)) as transport:
        await send(transport)
        with pytest.raises(TemporaryMailError):
            await send(transport)
        assert server.messages == [2]
        await send(transport)
    assert server.messages == [2, 1]


async def test_a_new_connection_that_dies_is_not_tried_without_end() -> None:
    async with listening(server := Dialogue(hang_up_at=lambda _, heard: "MAIL" in heard)) as to:
        with pytest.raises(TemporaryMailError):
            await send(to)
    assert len(server.heard) == 1


async def test_a_cancelled_message_leaves_no_answer_for_the_next_one() -> None:
    def cancel_the_second(connection: int, heard: list[str]) -> bool:
        if connection == 0 and heard.count("RCPT") == 2:
            sending.cancel()
        return False

    async with listening(server := Dialogue(hang_up_at=cancel_the_second)) as transport:
        await send(transport)
        sending = asyncio.create_task(send(transport))
        with pytest.raises(asyncio.CancelledError):
            await sending
        await send(transport)
    assert server.messages == [1, 1]


async def test_a_refused_recipient_is_that_recipients_outcome_alone() -> None:
    async with running(SmtpServer({"RCPT": "550 No such user"})) as server:
        transport = transport_for(f"smtp://127.0.0.1:{server.port}")
        with pytest.raises(PermanentMailError):
            await send(transport)
        server.answers.clear()
        await send(transport)
    assert len(server.hostnames) == 1  # on the same connection, which was reset
    assert len(server.envelopes) == 1


async def test_a_connection_that_does_not_forget_a_refused_recipient_is_given_up() -> None:
    server = Dialogue(answers={"RCPT": "550 No such user", "RSET": "500 What?"})
    async with listening(server) as transport:
        with pytest.raises(PermanentMailError):
            await send(transport)
        server.answers.clear()
        await send(transport)
    assert server.messages == [0, 1]


async def test_a_login_that_failed_leaves_no_connection_open() -> None:
    async with listening(server := Dialogue()) as transport:
        assert isinstance(transport, Smtp)
        with pytest.raises(TemporaryMailError, match="AUTH"):
            await send(Smtp(replace(transport.server, username="app", password="hunter2")))
        await asyncio.wait_for(server.ended.wait(), 5)


async def test_tls_and_login_are_done_once(server_tls: ssl.SSLContext) -> None:
    async with running(SmtpServer(), tls_context=server_tls) as server:
        await send(transport_for(f"smtp://app:p%40ss%3A%2F%23@127.0.0.1:{server.port}"), 3)
    assert server.over_tls == [True] * 3
    assert len(server.logins) == 1


async def test_a_web_server_that_stops_says_goodbye() -> None:
    async with listening(server := Dialogue()) as transport, app.router.lifespan_context(app):
        await send(transport)
    assert server.heard[0][-1] == "QUIT"


def test_the_end_of_an_event_loop_says_goodbye_to_the_server() -> None:
    server = Dialogue()
    with in_a_loop_of_its_own(server) as transport:
        asyncio.run(send(transport))
        asyncio.run(send(transport))  # the next loop has connections of its own
    assert server.messages == [1, 1]
    assert [heard[-1] for heard in server.heard] == ["QUIT", "QUIT"]


@contextmanager
def in_a_loop_of_its_own(dialogue: Dialogue) -> Iterator[Transport]:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(dialogue.talk, "127.0.0.1", 0))
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield transport_for(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}?tls=none")
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(dialogue.end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
