"""/admin: what is going on."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.admin import service
from app.admin.access import Superuser
from app.admin.rendering import admin_page
from app.database import SessionDep

router = APIRouter(include_in_schema=False)


@router.get("/admin")
async def show_overview(request: Request, session: SessionDep, user: Superuser) -> Response:
    overview = await service.overview(session)
    return admin_page(request, "admin/overview.html", user, overview=overview)
