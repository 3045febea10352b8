"""Who may send what a browser sends: our own pages, and sites that TRUSTED_ORIGINS names."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from kit.settings import Settings, settings
from pydantic import ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from inside.web.shop import make_shop
from tests.accounts.fixtures import EMAIL, PASSWORD, make_user

APP = "https://app.example"
PREFLIGHT = {"Origin": APP, "Access-Control-Request-Method": "POST"}


@pytest.fixture
async def trusting(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx2.AsyncClient]:
    """A shop whose frontend is another site."""
    monkeypatch.setattr(settings, "trusted_origins", f"{APP},https://other.example")
    transport = httpx2.ASGITransport(make_shop(), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="https://shop.example") as client:
        yield client


async def test_a_trusted_site_may_ask_and_read(trusting: httpx2.AsyncClient) -> None:
    asked = await trusting.options("/api/orders", headers=PREFLIGHT)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == APP

    headers = {"Origin": APP, "Sec-Fetch-Site": "cross-site"}
    sent = await trusting.post("/api/orders", json={}, headers=headers)
    assert sent.status_code == 422, "it reaches the route"
    assert sent.headers["access-control-allow-credentials"] == "true"


async def test_any_other_site_may_not(trusting: httpx2.AsyncClient) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    sent = await trusting.post("/api/orders", json={}, headers=headers)
    assert sent.status_code == 403
    assert "access-control-allow-origin" not in sent.headers


async def test_without_the_setting_no_site_is_trusted(web: httpx2.AsyncClient) -> None:
    asked = await web.options("/api/orders", headers=PREFLIGHT)
    assert "access-control-allow-origin" not in asked.headers


@pytest.mark.parametrize("origin", ["*", "app.example", "https://a/path", "ftp://a", "https://*.a"])
def test_what_is_not_an_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError, match="isn't an origin"):
        Settings(trusted_origins=f"https://ok.example,{origin}")


async def test_a_page_over_plain_http_cannot_send_to_the_one_over_https(
    web: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "base_url", "https://shop.example")
    headers = {"Origin": "http://shop.example"}  # of a browser too old for Sec-Fetch-Site
    assert (await web.post("/api/orders", json={}, headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://shop.example", 400), ("https://shop.example", 303), ("http://localhost:8000", 303)],
)
async def test_signing_in_over_plain_http_says_what_is_wrong(
    client: httpx2.AsyncClient,
    session: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
    origin: str,
    status: int,
) -> None:
    await make_user(session)
    monkeypatch.setattr(settings, "environment", "production")
    monkeypatch.setattr(settings, "base_url", origin)
    form = {"email": EMAIL, "password": PASSWORD}
    answer = await client.post("/login", data=form, headers={"Origin": origin})
    assert answer.status_code == status
    assert ("address that begins with https://" in answer.text) is (status == 400)
