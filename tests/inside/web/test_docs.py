from httpx2 import AsyncClient


async def test_the_documentation_comes_from_our_own_files(client: AsyncClient) -> None:
    html = (await client.get("/docs")).text

    assert 'data-openapi-url="/openapi.json"' in html
    assert "://" not in html


async def test_every_error_of_the_api_is_described_as_a_problem(client: AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()

    errors = [
        response
        for operations in schema["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if status >= "400"
    ]
    assert errors
    assert all(list(error["content"]) == ["application/problem+json"] for error in errors)
