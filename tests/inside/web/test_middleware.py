from collections.abc import AsyncIterator

import httpx2
import pytest
from kit.settings import settings
from kit.web.bodies import MAX_BODY

from inside.web.shop import make_shop

BODY = {"email": "anna@example.com", "password": "correct horse battery"}


async def test_answers_carry_a_strict_content_security_policy(web: httpx2.AsyncClient) -> None:
    headers = (await web.get("/page")).headers

    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


async def test_a_route_may_set_its_own_policy(web: httpx2.AsyncClient) -> None:
    response = await web.get("/framed")

    assert response.headers.get_list("content-security-policy") == ["sandbox"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://shop.example"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://shop.example"},
        {"Origin": settings.base_url, "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer token"},
    ],
)
async def test_our_own_pages_and_programs_may_post(
    web: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await web.post("/api/orders", json=BODY, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.shop.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://shop.example.evil.example"},
        {"Origin": "http://["},
        {"Origin": "http://[::1"},
        {"Origin": "http://x]"},
        {"Origin": "null", "Host": ""},
        {"Sec-Fetch-Site": "cross-site", "Authorization": "Basic YTpi"},
    ],
)
async def test_another_site_may_not_post(web: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    response = await web.post("/api/orders", json=BODY, headers=headers)

    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"


async def test_another_site_may_link_here(web: httpx2.AsyncClient) -> None:
    response = await web.get("/page", headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 200


async def test_a_body_that_announces_too_much_is_refused(web: httpx2.AsyncClient) -> None:
    response = await web.post("/api/orders", content=b" " * (MAX_BODY + 1))

    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_body_that_grows_too_long_is_refused(web: httpx2.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * (MAX_BODY // 10)

    response = await web.post(
        "/api/orders", content=chunks(), headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 413


@pytest.fixture
async def uploading() -> AsyncIterator[httpx2.AsyncClient]:
    """A shop that takes larger orders."""
    transport = httpx2.ASGITransport(make_shop({"/api/orders": 2 * MAX_BODY}))
    async with httpx2.AsyncClient(transport=transport, base_url="https://shop.example") as client:
        yield client


async def test_a_path_that_takes_uploads_may_be_given_more(
    uploading: httpx2.AsyncClient,
) -> None:
    for size, status in ((MAX_BODY + 1, 422), (2 * MAX_BODY + 1, 413)):
        note = " " * size
        response = await uploading.post(
            "/api/orders", json={"note": note[: size - len('{"note":""}')]}
        )
        assert response.status_code == status


async def test_a_form_that_is_too_long_is_refused(web: httpx2.AsyncClient) -> None:
    response = await web.post("/form", data={"password": "x" * (MAX_BODY + 1)})

    assert response.status_code == 413


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/static/app.css"])
async def test_head_is_answered_where_get_is(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.head(path)).status_code == 200


def multipart(email: bytes) -> bytes:
    head = b'--B\r\nContent-Disposition: form-data; name="email"\r\n\r\n'
    return head + email + b"\r\n--B--\r\n"


@pytest.mark.parametrize("path", ["/form", "/nowhere"])
@pytest.mark.parametrize("charset", ["undefined", "punycode", "unicode_escape", '"UTF-7"', "x"])
async def test_a_form_in_a_strange_encoding_is_refused(
    web: httpx2.AsyncClient, path: str, charset: str
) -> None:
    response = await web.post(
        path,
        content=multipart(b"\\ud800\xff"),
        headers={"Content-Type": f"multipart/form-data; boundary=B; charset={charset}"},
    )

    assert response.status_code == 415
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", '; charset="UTF-8"'])
async def test_a_multipart_form_is_read_as_utf8(web: httpx2.AsyncClient, charset: str) -> None:
    response = await web.post(
        "/form",
        content=multipart("Zoë".encode()),
        headers={"Content-Type": f"Multipart/Form-Data; boundary=B{charset}"},
    )

    assert response.json()["values"] == {"email": "Zoë"}


@pytest.mark.parametrize("path", ["/api/orders", "/api/sold-out", "/api/secret", "/api/nothing"])
async def test_what_the_api_answers_is_kept_by_no_cache(web: httpx2.AsyncClient, path: str) -> None:
    assert (await web.get(path)).headers["cache-control"] == "no-store"
