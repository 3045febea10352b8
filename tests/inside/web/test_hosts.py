"""The pages of development are for whoever runs the server, not for sites that point to it."""

import pytest
from httpx2 import AsyncClient
from kit.settings import settings

DEV_PAGES = ["/dev/mailbox", "/dev/emails"]
LOCAL = ["127.0.0.1:8000", "localhost:8000", "app.localhost", "[::1]:8000", "192.168.1.5:8000"]
FOREIGN = [
    *("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example"),
    *("[", "[::1", "x]", "127.0.0.1@evil.example"),
]


@pytest.mark.parametrize("host", LOCAL)
@pytest.mark.parametrize("path", DEV_PAGES)
async def test_they_are_seen_by_number_and_as_localhost(
    client: AsyncClient, path: str, host: str
) -> None:
    assert (await client.get(path, headers={"Host": host})).status_code == 200


async def test_they_are_seen_where_base_url_says(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "base_url", "https://Me.Tunnel.example")
    asked = await client.get("/dev/mailbox", headers={"Host": "me.tunnel.example"})
    assert asked.status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("path", DEV_PAGES)
async def test_under_another_name_they_are_not(client: AsyncClient, path: str, host: str) -> None:
    answer = await client.get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert "BASE_URL" in answer.json()["detail"]


async def test_other_pages_are_seen_under_any_name(client: AsyncClient) -> None:
    assert (await client.get("/login", headers={"Host": "evil.example"})).status_code == 200
