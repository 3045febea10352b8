"""Connections to a mail server that are kept: greeting, TLS and login cost more than a message.

One `Connections` belongs to one event loop and one server.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from aiosmtplib import SMTP, SMTPNotSupported, SMTPResponseException, SMTPServerDisconnected

from kit.mail.message import Message

MOST = 10
"""At a time. When all are busy, the next message waits."""
MESSAGES = 100
"""On one connection; some servers refuse more."""
IDLE = 30.0
"""Seconds after which a connection is not used again: a firewall may have dropped it."""
DATA_TIMEOUT = 60.0
"""Seconds for the answer to a whole message, which servers check before they accept it. Giving up
earlier would send the message twice."""
QUIT_TIMEOUT = 2.0

UNAVAILABLE = 421
"""The server closes the connection, whatever the command was (RFC 5321, 3.8)."""


@dataclass
class Connection:
    """One of them, at rest or at work."""

    smtp: SMTP
    messages: int = 0
    rests_since: float = 0.0


class Connections:
    """Opens connections as they are needed, and hands one message to each at a time."""

    def __init__(self, connect: Callable[[], Awaitable[SMTP]]) -> None:
        self._connect = connect
        self._room = asyncio.Semaphore(MOST)
        self._resting: list[Connection] = []
        self._end_with_the_loop = _close_at_the_end(self)

    async def send(self, message: Message) -> str:
        """The server's answer. Raises what aiosmtplib raises, and what `connect` does.

        Nothing is sent twice: after DATA an error is the caller's, who knows that the outcome
        may be unknown.
        """
        async with self._room:
            connection = await self._addressed(message)
            try:
                answer = await connection.smtp.data(message.raw, timeout=DATA_TIMEOUT)
            except SMTPResponseException:
                await self._rest(connection)
                raise
            except BaseException:
                connection.smtp.close()  # an answer that is still to come must meet no next message
                raise
            await self._rest(connection)
        return f"{answer.code} {answer.message}"

    async def close(self) -> None:
        """Say goodbye on all that rest; what is at work ends by itself."""
        resting, self._resting = self._resting, []
        await asyncio.gather(*(_quit(connection) for connection in resting))

    async def _addressed(self, message: Message) -> Connection:
        """A connection on which the server has accepted sender and recipient.

        One that was kept may turn out to be dead. As no message was given to it, the next one
        may have it, in the end a new one.
        """
        while connection := self._wake():
            try:
                await _address(connection, message)
            except SMTPServerDisconnected:
                continue
            except SMTPResponseException as error:
                if error.code == UNAVAILABLE:
                    continue
                await self._rest(connection)
                raise
            return connection
        await anext(self._end_with_the_loop, None)
        connection = Connection(await self._connect())
        try:
            await _address(connection, message)
        except SMTPResponseException:
            await self._rest(connection)
            raise
        return connection

    def _wake(self) -> Connection | None:
        """The one that was used last; the others grow old and are let go."""
        now = asyncio.get_running_loop().time()
        while self._resting:
            connection = self._resting.pop()
            if connection.smtp.is_connected and now - connection.rests_since < IDLE:
                return connection
            connection.smtp.close()
        return None

    async def _rest(self, connection: Connection) -> None:
        connection.messages += 1
        if connection.messages >= MESSAGES:
            await _quit(connection)
        elif connection.smtp.is_connected:
            connection.rests_since = asyncio.get_running_loop().time()
            self._resting.append(connection)


async def _address(connection: Connection, message: Message) -> None:
    smtp = connection.smtp
    encoding, options = "ascii", []
    if not message.is_ascii:
        if not smtp.supports_extension("smtputf8"):
            raise SMTPNotSupported("the server does not support SMTPUTF8, which the address needs")
        encoding, options = "utf-8", ["SMTPUTF8", "BODY=8BITMIME"]
    if smtp.supports_extension("size"):
        options.append(f"SIZE={len(message.raw)}")
    try:
        await smtp.mail(message.sender.addr_spec, options=options, encoding=encoding)
        await smtp.rcpt(message.to, encoding=encoding)
    except SMTPResponseException:
        try:
            await smtp.rset()
        except (SMTPResponseException, OSError):
            smtp.close()  # the next message would meet what is left of this one
        raise
    except BaseException:
        smtp.close()
        raise


async def _quit(connection: Connection) -> None:
    with suppress(SMTPResponseException, OSError):
        await connection.smtp.quit(timeout=QUIT_TIMEOUT)
    connection.smtp.close()


async def _close_at_the_end(connections: Connections) -> AsyncGenerator[None]:
    """asyncio closes asynchronous generators that are under way before it ends a loop.

    So whatever runs a loop closes the connections, and knows nothing of them. Only uvicorn ends
    its process before its loop: there `sending.close` does it.
    """
    try:
        while True:
            yield
    finally:
        await connections.close()
