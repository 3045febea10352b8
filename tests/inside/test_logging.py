import asyncio
import json
import logging
import sys
import time
from typing import Any

import pytest
from httpx2 import AsyncClient
from kit import logging as app_logging
from kit.logging import _renderers, redact
from kit.settings import settings
from kit.tasks import Job
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.main import app

REGISTRATION = {"email": "ann@example.com", "password": "a-Rather-l0ng-phrase"}


async def test_a_request_id_goes_from_the_request_into_its_job(
    client: AsyncClient, session: AsyncSession
) -> None:
    response = await client.post(
        "/api/v1/auth/register", json=REGISTRATION, headers={"X-Request-ID": "trace-12345"}
    )
    assert response.headers["X-Request-ID"] == "trace-12345"
    assert (await session.exec(select(Job.request_id))).all() == ["trace-12345"]


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "no spaces", "líne"])
async def test_a_senseless_request_id_is_replaced(client: AsyncClient, given: str) -> None:
    response = await client.get("/healthz", headers={b"X-Request-ID": given.encode()})
    assert response.headers["X-Request-ID"] != given


async def test_passwords_tokens_and_mail_bodies_never_reach_a_log(
    client: AsyncClient, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await client.post("/api/v1/auth/register", json=REGISTRATION)
    link = mailbox.latest.link("verify-email")
    token = link.partition("token=")[2]
    await client.get(link)
    await client.post("/api/v1/auth/verify-email", json={"token": token})
    await client.post("/api/v1/auth/login", json=REGISTRATION)
    text = caplog.text
    assert "/api/v1/auth/register" in text, "something was logged"
    for secret in (REGISTRATION["password"], token, mailbox.latest.text[:40]):
        assert secret not in text


def test_secret_names_and_tokens_in_urls_are_blanked() -> None:
    event = {
        "password": "x",
        "access_token": "y",
        "url": "https://a/verify?token=abc&next=/",
        "nothing": None,
    }
    assert json.dumps(redact(None, "info", event)) == json.dumps(
        {
            "password": "[redacted]",
            "access_token": "[redacted]",
            "url": "https://a/verify?token=[redacted]&next=/",
            "nothing": None,
        }
    )


@pytest.mark.parametrize("environment", ["production", "development"])
def test_tracebacks_hold_no_local_variables(
    environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "environment", environment)
    password = "hunter" + "2" * 8
    try:
        raise ValueError("with a password in the frame")
    except ValueError:
        event: Any = {"event": "failed", "exc_info": sys.exc_info()}
    for render in _renderers():
        event = render(None, "error", event)
    assert "with a password in the frame" in event
    assert password not in event


@pytest.mark.parametrize(("environment", "named"), [("development", True), ("production", False)])
async def test_developers_are_told_what_blocks_the_event_loop(
    environment: str, named: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def block() -> None:
        time.sleep(0.02)  # noqa: ASYNC251 - that is the point

    monkeypatch.setattr(settings, "environment", environment)
    monkeypatch.setattr(app_logging, "BLOCKED", 0.01)
    loop = asyncio.get_running_loop()
    before = loop.get_debug()
    try:
        async with app.router.lifespan_context(app):
            await asyncio.create_task(block(), name="shop.tasks.block")
    finally:
        loop.set_debug(before)
    assert ("shop.tasks.block" in caplog.text) is named
