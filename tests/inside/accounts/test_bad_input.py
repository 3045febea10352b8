"""Whatever is sent: a 4xx problem, nothing half written, no secret in the answer."""

import json
from typing import Any

import pytest
from httpx2 import AsyncClient
from kit.testing import Mailbox
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User
from tests.accounts.fixtures import EMAIL, PASSWORD, log_in, register

BAD_ADDRESSES = {
    "empty": "",
    "no at sign": "ada",
    "no domain": "ada@",
    "no local part": "@example.com",
    "two at signs": "ada@b@example.com",
    "no dot in the domain": "ada@localhost",
    "double dot": "ada..l@example.com",
    "space inside": "ada l@example.com",
    "display name": "Ada <ada@example.com>",
    "two addresses": "ada@example.com,eve@example.com",
    "line feed at the end": "ada@example.com\n",
    "header injection": "ada@example.com\r\nBcc: eve@example.com",
    "carriage return": "ada\r@example.com",
    "NUL": "ada\0@example.com",
    "NUL at the end": "ada@example.com\0",
    "half of a surrogate pair": "ada\ud800@example.com",
    "bidi override": "ada\u202e@example.com",
    "10 kB local part": "a" * 10_000 + "@example.com",
    "10 kB domain": "a@" + "b" * 10_000 + ".com",
    "10 kB of dots": "." * 10_000,
    "65 characters before the at sign": "a" * 65 + "@example.com",
    "255 characters": "a@" + ".".join(["b" * 62] * 4) + ".com",
    "IP address": "ada@[127.0.0.1]",
    "quoted local part": '"ada l"@example.com',
    "control character": "ada\x1b@example.com",
    "invalid punycode": "ada@xn--0000000000.com",
}
GOOD_ADDRESSES = {
    "plus": "ada+news@example.com",
    "unicode local part": "почта@example.com",
    "german": "jürgen@example.com",
    "international domain": "ada@bücher.example.com",
    "punycode": "ada@xn--bcher-kva.example.com",
    "apostrophe": "o'brien@example.com",
    "capital that grows in lower case": "\u0130ada@example.com",
    "64 characters before the at sign": "a" * 64 + "@example.com",
}


def assert_refused(answer: Any, *, field: str | None = None) -> None:
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    if field:
        assert field in [error["field"] for error in answer.json()["errors"]]


async def assert_nobody_is_registered(session: AsyncSession) -> None:
    assert (await session.exec(select(User))).all() == []


def post_raw(client: AsyncClient, body: bytes, kind: str = "application/json") -> Any:
    return client.post("/api/v1/auth/register", content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize("email", BAD_ADDRESSES.values(), ids=BAD_ADDRESSES)
async def test_what_is_no_address_is_refused(
    client: AsyncClient, session: AsyncSession, email: str
) -> None:
    body = json.dumps({"email": email, "password": PASSWORD}).encode()

    assert_refused(await post_raw(client, body), field="email")
    await assert_nobody_is_registered(session)


@pytest.mark.parametrize("email", GOOD_ADDRESSES.values(), ids=GOOD_ADDRESSES)
async def test_unusual_addresses_are_welcome(
    client: AsyncClient, session: AsyncSession, email: str
) -> None:
    assert (await register(client, email=email)).status_code == 202
    assert len((await session.exec(select(User))).all()) == 1


async def test_the_two_spellings_of_an_international_domain_are_one(
    client: AsyncClient, session: AsyncSession
) -> None:
    await register(client, email=GOOD_ADDRESSES["international domain"])
    await register(client, email=GOOD_ADDRESSES["punycode"])

    assert len((await session.exec(select(User))).all()) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("password", "x" * 129, id="long password"),
        pytest.param("password", "ab1 " * 250_000, id="1 MB password"),
        pytest.param("password", "short", id="short password"),
        pytest.param("password", "", id="empty password"),
        pytest.param("password", None, id="null password"),
        pytest.param("password", 123456789012, id="number as password"),
        pytest.param("password", ["a" * 12], id="list as password"),
        pytest.param("password", "correct horse \0 battery", id="NUL in password"),
        pytest.param(
            "password", "correct horse \ud800 battery", id="half a surrogate pair in password"
        ),
        pytest.param("full_name", "x" * 101, id="long name"),
        pytest.param("full_name", "Ada\0", id="NUL in name"),
        pytest.param("full_name", "Ada\r\nBcc: eve@example.com", id="line break in name"),
        pytest.param("full_name", "Ada\u202e", id="bidi override in name"),
        pytest.param("full_name", "You won: https://evil.example", id="link in name"),
        pytest.param("full_name", "Visit evil.com/claim now", id="address in name"),
        pytest.param("full_name", "Visit evil.com now", id="domain in name"),
        pytest.param("full_name", "Visit evil\uff0ecom now", id="domain with a wide dot in name"),
        pytest.param("full_name", "Write to eve@localhost", id="mailbox in name"),
        pytest.param("full_name", "See www.evil.example", id="host in name"),
        pytest.param("full_name", {"a": 1}, id="object as name"),
        pytest.param("nickname", "Ada", id="unknown field"),
    ],
)
async def test_a_bad_field_is_named(
    client: AsyncClient, session: AsyncSession, field: str, value: Any
) -> None:
    body = json.dumps({"email": EMAIL, "password": PASSWORD} | {field: value}).encode()
    answer = await post_raw(client, body)

    if len(body) > 1_000_000:
        assert_refused(answer)
    else:
        assert_refused(answer, field=field)
    await assert_nobody_is_registered(session)


@pytest.mark.parametrize(
    "name",
    [
        "J. R. R. Tolkien",
        "J.R. Smith",
        "O'Brien",
        "Dr. No",
        "St. John",
        "Nguyễn Văn A.",
        "Rajan A/L Muthu",
        "Dr.Müller",
        "J.Smith",
        "山田 太郎",
    ],
)
async def test_a_dot_in_a_name_makes_no_link_of_it(
    client: AsyncClient, session: AsyncSession, name: str
) -> None:
    assert (await register(client, full_name=name)).status_code == 202
    assert [user.full_name for user in (await session.exec(select(User))).all()] == [name]


@pytest.mark.parametrize("missing", ["email", "password"])
async def test_a_missing_field_is_named(client: AsyncClient, missing: str) -> None:
    body = {"email": EMAIL, "password": PASSWORD}
    del body[missing]

    assert_refused(await client.post("/api/v1/auth/register", json=body), field=missing)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b"\xff\xfe{}", id="no UTF-8"),
        pytest.param(b"[" * 100_000, id="100,000 brackets"),
        pytest.param(b'{"email": NaN}', id="NaN"),
    ],
)
async def test_a_malformed_body_is_refused(client: AsyncClient, body: bytes) -> None:
    assert_refused(await post_raw(client, body))


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense"]
)
async def test_json_under_another_content_type_is_refused(
    client: AsyncClient, session: AsyncSession, kind: str
) -> None:
    body = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()

    assert_refused(await post_raw(client, body, kind))
    await assert_nobody_is_registered(session)


async def test_a_refusal_repeats_no_password(client: AsyncClient) -> None:
    answer = await register(client, email="nonsense", password="hunter2 hunter2 \0")

    assert_refused(answer)
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("verify-email", {"token": ""}),
        ("verify-email", {"token": "a\0b"}),
        ("verify-email", {"token": "x" * 10_000}),
        ("verify-email", {}),
        ("resend-verification", {"email": "ada"}),
        ("resend-verification", {"email": "ada@example.com\0"}),
        ("forgot-password", {"email": "ada"}),
        ("reset-password", {"token": "a\0b", "password": PASSWORD}),
        ("reset-password", {"token": "x" * 43, "password": "short"}),
        ("confirm-email", {"token": "a\0b"}),
        ("confirm-email", {"token": "x" * 10_000}),
        ("confirm-email", {}),
        ("login", {"email": EMAIL, "password": "x" * 10_000}),
        ("login", {"email": "ada\0@example.com", "password": PASSWORD}),
        ("login", {"email": EMAIL}),
    ],
)
async def test_the_other_routes_refuse_bad_fields_too(
    client: AsyncClient, path: str, body: dict[str, str]
) -> None:
    answer = await client.post(f"/api/v1/auth/{path}", json=body)

    assert_refused(answer)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "bad"),
    [
        ("POST", "/password", {"new_password": "short"}),
        ("POST", "/password", {"new_password": "x" * 129}),
        ("POST", "/password", {"new_password": "correct horse \0 battery"}),
        ("POST", "/password", {"new_password": "correct horse \ud800 battery"}),
        ("POST", "/password", {"new_password": None}),
        ("POST", "/password", {"new_password": PASSWORD, "current_password": "x" * 10_000}),
        ("POST", "/password", {"new_password": PASSWORD, "current_password": ["x"]}),
        ("POST", "/password", {"new_password": PASSWORD, "email": EMAIL}),
        ("POST", "/password", {}),
        *[("POST", "/email", {"email": email}) for email in BAD_ADDRESSES.values()],
        ("POST", "/email", {"email": None}),
        ("POST", "/email", {}),
        ("DELETE", "", {"current_password": ""}),
        ("DELETE", "", {"current_password": "\0"}),
        ("DELETE", "", {"current_password": "x" * 70_000}),
        ("DELETE", "", {"sure": True}),
    ],
)
async def test_no_change_of_an_account_begins_with_nonsense(
    client: AsyncClient, user: User, mailbox: Mailbox, method: str, path: str, bad: dict[str, Any]
) -> None:
    await log_in(client)
    body = json.dumps({"current_password": PASSWORD} | bad)
    headers = {"Content-Type": "application/json"}

    answer = await client.request(method, f"/api/v1/users/me{path}", content=body, headers=headers)

    assert_refused(answer)
    assert answer.status_code in (413, 422)
    assert len(mailbox) == 0
    assert (await log_in(client)).status_code == 204


@pytest.mark.parametrize(
    "form",
    [
        b"username=ada&password=x",
        b"username=ada%00@example.com&password=x",
        b"username=ada@example.com&password=%ff%fe",
        b"username=ada@example.com&password=" + b"x" * 500_000,
        b"username=ada@example.com&password=x&grant_type=client_credentials",
        b"username=ada@example.com",
        b"",
        b"%",
        b"&&&===",
    ],
)
async def test_the_oauth2_form_refuses_nonsense(client: AsyncClient, form: bytes) -> None:
    answer = await client.post(
        "/api/v1/auth/token",
        content=form,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert_refused(answer)


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer x", "Bearer a b", "Bearer \xff", "Basic YTpi", "x" * 9000],
)
async def test_a_nonsensical_authorization_is_nobody(client: AsyncClient, header: str) -> None:
    answer = await client.get(
        "/api/v1/users/me", headers=[(b"Authorization", header.encode("latin-1"))]
    )

    assert_refused(answer)
    assert answer.status_code == 401
