"""Swagger UI from our own static files: works offline, and under our Content-Security-Policy."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from kit.web.rendering import page

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """The API, to read and to try out; its Authorize button signs in with address and password."""
    return page(request, "web/docs.html", openapi_url=request.app.openapi_url)
