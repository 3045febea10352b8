"""The pages as a browser without JavaScript sees them."""

import httpx2


async def test_the_front_page_leads_to_registering_and_signing_in(
    client: httpx2.AsyncClient,
) -> None:
    html = (await client.get("/")).text

    assert 'href="/register"' in html
    assert 'href="/login"' in html
