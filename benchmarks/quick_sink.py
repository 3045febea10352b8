"""A mail server that costs next to nothing: says yes to everything, and keeps nothing.

Prints its port.
"""

import asyncio
from typing import cast

import uvloop

ANSWERS = {
    b"EHLO": b"250-localhost\r\n250-SIZE 33554432\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
    b"DATA": b"354 go ahead\r\n",
    b"QUIT": b"221 bye\r\n",
}


class Sink(asyncio.Protocol):
    """Looks for the end of lines, and of the message after DATA; no more."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is not derived from it
        self.received = bytearray()
        self.in_message = False
        self.transport.write(b"220 localhost ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = b"\r\n.\r\n" if self.in_message else b"\r\n"
        if not self.received.endswith(end):
            return
        command = b"" if self.in_message else bytes(self.received[:4]).upper()
        self.received.clear()
        self.in_message = command == b"DATA"
        self.transport.write(ANSWERS.get(command, b"250 OK\r\n"))
        if command == b"QUIT":
            self.transport.close()


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
