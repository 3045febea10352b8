"""/admin: what is going on."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from kit.admin import service
from kit.admin.rendering import admin_page
from kit.database import SessionDep

router = APIRouter(include_in_schema=False)


@router.get("/admin")
async def show_overview(request: Request, db: SessionDep) -> Response:
    overview = await service.overview(db)
    return admin_page(request, "admin/overview.html", overview=overview)
