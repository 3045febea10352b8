"""The front page. Make it yours."""

from fastapi import APIRouter, Request
from kit.web import page
from starlette.responses import HTMLResponse

from app.accounts.dependencies import OptionalUser

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home(request: Request, user: OptionalUser) -> HTMLResponse:
    """What this is; in development also where to go first."""
    return page(request, "home/home.html", user=user)
