from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fastapi import FastAPI
    from httpx2 import AsyncClient


@pytest.fixture
def shop() -> "FastAPI":
    """A small application of its own, on which every kind of error can be provoked."""
    from inside.web.shop import make_shop

    return make_shop()


@pytest.fixture
async def web(shop: "FastAPI") -> "AsyncIterator[AsyncClient]":
    """A client of the shop."""
    from httpx2 import ASGITransport, AsyncClient

    transport = ASGITransport(shop, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="https://shop.example") as client:
        yield client
