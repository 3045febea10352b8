"""A TCP proxy in front of a server, which can make the network swallow every packet."""

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread


def free_port() -> int:
    """Return a port on which nothing listens, below those of outgoing connections.

    A client that keeps trying to reach a closed port among those would one day be given the same
    port as its own, and so be connected to itself.
    """
    while True:
        port = random.randint(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class Proxy:
    """Forwards what arrives at `port` to the connection that `connect` opens.

    Closed, it refuses connections and has ended the old ones, as a dead server does.
    """

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self.port = free_port()
        self._connect = connect
        self._listener: socket.socket | None = None
        self._sockets: set[socket.socket] = set()
        self._forwarding = Event()
        self._forwarding.set()

    def open(self) -> None:
        if not self._listener:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=100)
            Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        self._stop_listening()
        for end in list(self._sockets):
            _end(end)

    @contextmanager
    def black_hole(self) -> Iterator[None]:
        """Let connections hang during the block, and neither accept nor refuse new ones."""
        self._forwarding.clear()
        self._stop_listening()
        try:
            with ExitStack() as stack:
                # These fill the queue of a listener that accepts nothing. The kernel then drops
                # requests for a connection.
                stack.enter_context(socket.create_server(("127.0.0.1", self.port), backlog=0))
                for _ in range(4):
                    filler = stack.enter_context(socket.socket())
                    filler.setblocking(False)
                    filler.connect_ex(("127.0.0.1", self.port))
                yield
        finally:
            self.open()
            self._forwarding.set()

    def _stop_listening(self) -> None:
        if self._listener:
            _end(self._listener)
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = listener.accept()
                Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = self._connect()
        except OSError:
            client.close()
            return
        self._sockets |= {client, server}
        Thread(target=self._forward, args=(server, client), daemon=True).start()
        self._forward(client, server)

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._forwarding.wait()
                target.sendall(data)
        self._forwarding.wait()
        for end in (source, target):
            self._sockets.discard(end)
            _end(end)


def _end(end: socket.socket) -> None:
    """Close it, and wake the thread that waits for it."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
