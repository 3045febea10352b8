from datetime import timedelta

import httpx2
import pytest
import time_machine
from jinja2 import UndefinedError
from kit.web.rendering import page
from kit.web.static import static
from starlette.requests import Request

from inside.web.shop import HTML


async def test_what_goes_into_a_page_is_escaped(web: httpx2.AsyncClient) -> None:
    assert "A &lt;page&gt;" in (await web.get("/page")).text


def test_a_name_that_a_page_was_not_given_is_an_error() -> None:
    request = Request({"type": "http", "headers": []})

    with pytest.raises(UndefinedError):
        page(request, "web/error.html")


async def test_a_message_is_shown_on_the_next_page_and_only_there(
    web: httpx2.AsyncClient,
) -> None:
    await web.get("/leave-a-message")

    assert "Bread &amp; butter" in (await web.get("/page")).text
    assert "Bread" not in (await web.get("/page")).text


async def test_a_forged_message_is_not_shown(web: httpx2.AsyncClient) -> None:
    response = await web.get("/page", headers={"Cookie": "flash=WyJpbmZvIiwiUGF5IG1lIl0.x.y"})

    assert response.status_code == 200
    assert "Pay me" not in response.text


async def test_a_message_grows_stale(web: httpx2.AsyncClient) -> None:
    cookie = (await web.get("/leave-a-message")).headers["set-cookie"].split(";")[0]
    web.cookies.clear()

    with time_machine.travel(timedelta(hours=1)):
        response = await web.get("/page", headers={"Cookie": cookie})

    assert "Bread" not in response.text


async def test_a_message_is_out_of_reach_of_scripts(web: httpx2.AsyncClient) -> None:
    cookie = (await web.get("/leave-a-message")).headers["set-cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


async def test_static_files_are_cached_for_as_long_as_they_stay_the_same(
    web: httpx2.AsyncClient,
) -> None:
    response = await web.get(static("app.css"))

    assert response.status_code == 200
    assert "immutable" in response.headers["cache-control"]


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789ab", f"{static('app.css')[-15:]}&x"])
async def test_a_static_file_of_another_version_is_not_cached(
    web: httpx2.AsyncClient, query: str
) -> None:
    response = await web.get(f"/static/app.css{query}")

    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-cache"


def test_a_static_file_that_is_not_there_is_noticed_at_once() -> None:
    with pytest.raises(KeyError, match=r"nothing\.css"):
        static("nothing.css")


async def test_pages_load_nothing_from_elsewhere(web: httpx2.AsyncClient) -> None:
    text = (await web.get("/nowhere", headers=HTML)).text

    assert "://" not in text
    for inline in ("<style", "style=", "<script>"):
        assert inline not in text


async def test_the_icon_is_found_where_browsers_look(web: httpx2.AsyncClient) -> None:
    response = await web.get("/favicon.ico", follow_redirects=True)

    assert response.headers["content-type"].startswith("image/svg+xml")
