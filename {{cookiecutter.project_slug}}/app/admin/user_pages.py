"""/admin/users: find people, deactivate and activate accounts."""

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.admin import service
from app.admin.access import Superuser
from app.admin.rendering import admin_page
from app.admin.schemas import SearchText
from app.database import SessionDep
from app.web.flash import flash
from app.web.forms import see_other

router = APIRouter(prefix="/admin/users", include_in_schema=False)

PAGE = 50


class UserSearch(BaseModel):
    text: SearchText = ""
    after: SearchText = ""
    """The last address of the page before this one."""


@router.get("")
async def show_users(
    request: Request, session: SessionDep, user: Superuser, search: Annotated[UserSearch, Query()]
) -> Response:
    found = await service.list_users(session, text=search.text, after=search.after, limit=PAGE + 1)
    users = found[:PAGE]
    more = {"text": search.text, "after": users[-1].email} if len(found) > PAGE else None
    return admin_page(
        request,
        "admin/users.html",
        user,
        search=search,
        users=users,
        more=more and f"/admin/users?{urlencode(more)}",
    )


@router.post("/{user_id}/deactivate")
async def deactivate_user(session: SessionDep, user: Superuser, user_id: UUID) -> Response:
    email = (await service.deactivate_user(session, user_id, by=user)).email
    return _back_to(email, f"{email} is deactivated and signed out everywhere.")


@router.post("/{user_id}/activate")
async def activate_user(session: SessionDep, user: Superuser, user_id: UUID) -> Response:
    email = (await service.activate_user(session, user_id)).email
    return _back_to(email, f"{email} can sign in again.")


def _back_to(email: str, message: str) -> Response:
    response = see_other(f"/admin/users?{urlencode({'text': email})}")
    flash(response, message)
    return response
