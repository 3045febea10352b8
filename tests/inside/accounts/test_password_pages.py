"""A new password, as a browser without JavaScript sees it."""

import httpx2
import pytest

NEW_PASSWORD = "seven green herons at dawn"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"token": ""},
        {"token": "x", "password": ""},
        {"token": "x" * 10_000, "password": NEW_PASSWORD},
        {"token": "\0", "password": "x"},
        {"token": "x", "password": NEW_PASSWORD},
    ],
)
async def test_a_senseless_link_is_answered_kindly(
    client: httpx2.AsyncClient, form: dict[str, str]
) -> None:
    response = await client.post("/reset-password", data=form)

    assert response.status_code in (400, 422)
    assert "This link no longer works" in response.text or "Please fill this in." in response.text
