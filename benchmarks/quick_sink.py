"""A mail server that costs next to nothing: says yes to everything, and keeps nothing.

python quick_sink.py               prints its port
python quick_sink.py server.pem    asks for STARTTLS with this key and certificate, and a login

It trusts every password, and that nobody sends the next command before the last one's answer.
"""

import asyncio
import ssl
import sys
from collections.abc import Callable
from typing import cast

import uvloop

EHLO = b"250-localhost\r\n250-SIZE 33554432\r\n250-8BITMIME\r\n"
ANSWERS = {
    b"EHLO": EHLO + b"250 SMTPUTF8\r\n",
    b"AUTH": b"235 welcome\r\n",
    b"DATA": b"354 go ahead\r\n",
    b"QUIT": b"221 bye\r\n",
}
BEFORE_TLS = {b"EHLO": EHLO + b"250 STARTTLS\r\n", b"STAR": b"220 go ahead\r\n"}
AFTER_TLS = ANSWERS | {b"EHLO": EHLO + b"250-AUTH PLAIN LOGIN\r\n250 SMTPUTF8\r\n"}
ELSE, ELSE_BEFORE_TLS = b"250 OK\r\n", b"530 STARTTLS first\r\n"


class Sink(asyncio.Protocol):
    """Looks for the end of lines, and of the message after DATA; no more."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.tls = tls
        self.answers, self.otherwise = (BEFORE_TLS, ELSE_BEFORE_TLS) if tls else (ANSWERS, ELSE)
        self.received = bytearray()
        self.in_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is not derived from it
        self.transport.write(b"220 localhost ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = b"\r\n.\r\n" if self.in_message else b"\r\n"
        if not self.received.endswith(end):
            return
        command = b"" if self.in_message else bytes(self.received[:4]).upper()
        self.received.clear()
        self.in_message = command == b"DATA"
        if command == b"STAR":
            self.transport.pause_reading()  # what comes next is for TLS
            self.upgrade = asyncio.create_task(self._start_tls())
        self.transport.write(self.answers.get(command, self.otherwise))
        if command == b"QUIT":
            self.transport.close()

    async def _start_tls(self) -> None:
        assert self.tls
        loop = asyncio.get_running_loop()
        upgraded = await loop.start_tls(self.transport, self, self.tls, server_side=True)
        self.transport = cast(asyncio.Transport, upgraded)
        self.answers, self.otherwise = AFTER_TLS, ELSE


async def main(new: Callable[[], Sink]) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(new, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _tls(pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context


if __name__ == "__main__":
    tls = _tls(sys.argv[1]) if len(sys.argv) > 1 else None
    uvloop.run(main(lambda: Sink(tls)))
