from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from app.accounts.dependencies import get_optional_user
from app.main import app
from inside.web.shop import HTML

GOOD = {"email": "anna@example.com", "password": "correct horse battery"}


def problem(response: httpx2.Response) -> Any:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    return body


async def test_a_domain_error_keeps_its_status_title_detail_and_headers(
    web: httpx2.AsyncClient,
) -> None:
    response = await web.get("/api/sold-out")

    assert problem(response) == {
        "type": "/problems/out-of-stock",
        "title": "Out of stock",
        "status": 409,
        "detail": "The last one went yesterday.",
    }
    assert response.headers["retry-after"] == "60"


async def test_a_domain_error_may_carry_field_errors(web: httpx2.AsyncClient) -> None:
    body = problem(await web.get("/api/too-easy"))

    assert body["errors"] == [{"field": "password", "message": "Think of a better one."}]


async def test_every_wrong_field_is_named_and_no_value_repeated(web: httpx2.AsyncClient) -> None:
    sent = {"email": "anna@", "password": "hunter2", "colour": "red"}
    response = await web.post("/api/orders", json=sent)

    body = problem(response)
    assert response.status_code == 422
    assert {error["field"] for error in body["errors"]} == {"email", "password", "colour"}
    assert "Use at least 12 characters." in [error["message"] for error in body["errors"]]
    assert "hunter2" not in response.text


async def test_a_wrong_query_parameter_is_named(web: httpx2.AsyncClient) -> None:
    body = problem(await web.get("/api/orders?page=0"))

    assert body["errors"] == [
        {"field": "page", "message": "This should be greater than or equal to 1."}
    ]


async def test_a_field_may_be_called_anything_without_breaking_the_answer(
    web: httpx2.AsyncClient,
) -> None:
    body = b'{"\\ud800": 1, "' + b"x" * 5000 + b'": 1}'
    response = await web.post(
        "/api/orders", content=body, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 422
    assert all(len(error["field"]) <= 200 for error in problem(response)["errors"])


async def test_a_thousand_unknown_fields_do_not_get_a_thousand_messages(
    web: httpx2.AsyncClient,
) -> None:
    response = await web.post("/api/orders", json={f"field{n}": n for n in range(1000)})

    assert len(problem(response)["errors"]) == 50


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"email": ', 400),
        (b"\xff\xfe", 400),
        (b"[" * 50_000, 400),
        (b'{"count": ' + b"9" * 5000 + b"}", 400),
        (b"", 422),
        (b"null", 422),
        (b"[]", 422),
        (b'{"email": "\\ud800@example.com", "password": "\\u0000"}', 422),
    ],
)
async def test_a_malformed_body_is_the_clients_fault(
    web: httpx2.AsyncClient, content: bytes, status: int
) -> None:
    response = await web.post(
        "/api/orders", content=content, headers={"Content-Type": "application/json"}
    )

    assert problem(response)["status"] == status


async def test_a_body_of_another_type_is_refused_with_a_hint(web: httpx2.AsyncClient) -> None:
    response = await web.post("/api/orders", content=b"{}", headers={"Content-Type": "text/plain"})

    assert "Content-Type: application/json" in problem(response)["errors"][0]["message"]


async def test_a_wrong_method_says_which_are_right(web: httpx2.AsyncClient) -> None:
    response = await web.delete("/api/orders")

    assert problem(response)["status"] == 405
    assert response.headers["allow"] == "GET, HEAD, POST"


async def test_of_several_routers_the_methods_are_named_as_well(client: httpx2.AsyncClient) -> None:
    account = await client.put("/api/v1/users/me")
    assert account.headers["allow"] == "DELETE, GET, HEAD, PATCH"
    assert (await client.put("/login")).headers["allow"] == "GET, HEAD, POST"
    assert (await client.put("/static/app.css")).headers["allow"] == "GET, HEAD"


async def test_a_401_says_how_to_sign_in(web: httpx2.AsyncClient) -> None:
    response = await web.get("/api/secret")

    assert problem(response)["title"] == "Unauthorized"
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_dependency_may_send_people_elsewhere(web: httpx2.AsyncClient) -> None:
    response = await web.get("/elsewhere", headers=HTML)

    assert (response.status_code, response.headers["location"]) == (303, "/login")


async def test_a_browser_gets_a_page_for_people(web: httpx2.AsyncClient) -> None:
    response = await web.get("/nowhere", headers=HTML)

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert "There is nothing here" in response.text


async def test_a_domain_error_is_told_to_people_in_its_own_words(web: httpx2.AsyncClient) -> None:
    response = await web.get("/sold-out", headers=HTML)

    assert "Out of stock" in response.text
    assert "The last one went yesterday." in response.text


async def test_the_api_answers_in_json_even_to_a_browser(web: httpx2.AsyncClient) -> None:
    assert problem(await web.get("/api/nowhere", headers=HTML))["status"] == 404


@pytest.mark.parametrize("headers", [{}, HTML])
async def test_an_unexpected_error_tells_nothing_and_keeps_the_security_headers(
    web: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    response = await web.get("/broken", headers=headers)

    assert response.status_code == 500
    assert "hunter2" not in response.text
    assert "frame-ancestors" in response.headers["content-security-policy"]


@pytest.mark.parametrize("headers", [{}, HTML])
async def test_a_database_that_is_away_is_no_fault_of_the_application(
    web: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    with capture_logs() as logs:
        response = await web.get("/ask/away", headers=headers)

    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert "127.0.0.1" not in response.text
    assert "no answer from the database" in [line["event"] for line in logs]


async def test_a_statement_that_is_wrong_is(web: httpx2.AsyncClient) -> None:
    assert (await web.get("/ask/something-else")).status_code == 500


async def test_openapi_describes_errors_as_they_are_sent(shop: FastAPI) -> None:
    schema = shop.openapi()

    responses = schema["paths"]["/api/orders"]["post"]["responses"]
    reference = {"$ref": "#/components/schemas/Problem"}
    for status in ("400", "409", "422"):
        assert responses[status]["content"] == {"application/problem+json": {"schema": reference}}
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    assert schema == shop.openapi()


async def test_what_a_route_raises_fails_the_test_that_asked(client: httpx2.AsyncClient) -> None:
    def broken() -> None:
        raise ZeroDivisionError("in a dependency")

    app.dependency_overrides = {get_optional_user: broken}
    try:
        with pytest.raises(ZeroDivisionError, match="in a dependency"):
            await client.get("/")
    finally:
        app.dependency_overrides = {}
