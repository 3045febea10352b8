"""/admin/mails: what was sent to whom, and what the mail server said to it."""

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, BeforeValidator
from starlette.responses import Response

from kit.admin.rendering import admin_page
from kit.admin.schemas import SearchText
from kit.database import SessionDep
from kit.mail.log import list_mail
from kit.mail.models import MailLog, MailOutcome

router = APIRouter(prefix="/admin/mails", include_in_schema=False)

PAGE = 50


class MailSearch(BaseModel):
    """What the form above the list asks for; an empty box asks for nothing."""

    to: SearchText = ""
    outcome: Annotated[MailOutcome | None, BeforeValidator(lambda value: value or None)] = None
    before: UUID | None = None
    """The last entry of the page before this one."""

    def link(self, *, before: MailLog | None = None) -> str:
        """The newest entries of this search, or those that are older than one."""
        asked = self.model_dump(mode="json", exclude_defaults=True, exclude={"before"})
        if before:
            asked["before"] = str(before.id)
        return f"/admin/mails?{urlencode(asked)}"


@router.get("")
async def show_mails(
    request: Request, db: SessionDep, search: Annotated[MailSearch, Query()]
) -> Response:
    found = await list_mail(
        db,
        recipient=search.to.lower() or None,
        outcome=search.outcome,
        before=await db.get(MailLog, search.before) if search.before else None,
        limit=PAGE + 1,
    )
    mails = found[:PAGE]
    return admin_page(
        request,
        "admin/mails.html",
        search=search,
        outcomes=list(MailOutcome),
        mails=mails,
        newest=search.link(),
        older=search.link(before=mails[-1]) if len(found) > PAGE else None,
    )
