"""Whether the client of the current request still waits for its answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import anyio
from starlette.types import Receive

_receive: ContextVar[Receive | None] = ContextVar("receive", default=None)


@contextmanager
def watched(receive: Receive) -> Iterator[None]:
    """Let `client_is_gone` ask this channel, from which the body has been read."""
    token = _receive.set(receive)
    try:
        yield
    finally:
        _receive.reset(token)


async def client_is_gone() -> bool:
    """Whether the client has hung up; False outside of a request. Does not wait."""
    receive = _receive.get()
    if receive is None:
        return False
    with anyio.CancelScope() as scope:
        scope.cancel()  # what has not arrived by now is not waited for
        return bool((await receive())["type"] == "http.disconnect")
    return False
