import httpx2

GOOD = {"email": "anna@example.com", "password": "correct horse battery"}


async def test_a_good_form_is_the_schemas_data(web: httpx2.AsyncClient) -> None:
    answer = (await web.post("/form", data={**GOOD, "count": "3"})).json()

    assert answer["errors"] == {}
    assert answer["data"]["count"] == 3


async def test_an_empty_box_is_an_empty_text_or_no_number(web: httpx2.AsyncClient) -> None:
    answer = (await web.post("/form", data={**GOOD, "note": "", "count": ""})).json()

    assert (answer["data"]["note"], answer["data"]["count"]) == ("", None)


async def test_every_wrong_field_has_a_message_for_people(web: httpx2.AsyncClient) -> None:
    answer = (await web.post("/form", data={"email": "", "password": "x", "count": "a"})).json()

    assert answer["errors"] == {
        "email": "Please fill this in.",
        "password": "Use at least 12 characters.",
        "count": "Enter a whole number.",
    }


async def test_what_was_typed_is_kept_but_for_the_password(web: httpx2.AsyncClient) -> None:
    answer = (await web.post("/form", data={"email": "anna@", "password": "hunter2"})).json()

    assert answer["values"] == {"email": "anna@"}


async def test_fields_that_the_schema_does_not_know_are_left_alone(
    web: httpx2.AsyncClient,
) -> None:
    answer = (await web.post("/form", data={**GOOD, "utm_source": "mail"})).json()

    assert answer["errors"] == {}


async def test_whatever_else_is_sent_is_an_empty_form(web: httpx2.AsyncClient) -> None:
    for content_type in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
        response = await web.post("/form", content=b"{}", headers={"Content-Type": content_type})
        assert response.status_code in (200, 400)


async def test_a_thousand_fields_are_too_many(web: httpx2.AsyncClient) -> None:
    response = await web.post("/form", data={f"field{n}": "x" for n in range(1000)})

    assert response.status_code == 400
