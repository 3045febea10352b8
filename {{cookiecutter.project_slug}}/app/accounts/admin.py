"""/admin/users: find people, deactivate and activate accounts."""

from collections.abc import Sequence
from typing import Annotated, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from kit.admin import Figure, SearchText, admin_page
from kit.database import SessionDep
from kit.errors import AppError
from kit.web import flash, see_other
from pydantic import BaseModel
from sqlalchemy import exists, update
from sqlalchemy.orm import aliased
from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.responses import Response

from app.accounts import sessions, tokens
from app.accounts.dependencies import Superuser
from app.accounts.models import User

title = "Users"
router = APIRouter(prefix="/admin/users", include_in_schema=False)

PAGE = 50


class UserNotFound(AppError):
    status: ClassVar[int] = 404
    title: ClassVar[str] = "No such user"


class OwnAccount(AppError):
    """Operators can't lock themselves out."""

    status: ClassVar[int] = 409
    title: ClassVar[str] = "This is your own account"


class UserSearch(BaseModel):
    text: SearchText = ""
    after: SearchText = ""
    """The last address of the page before this one."""


@router.get("")
async def show_users(
    request: Request, db: SessionDep, search: Annotated[UserSearch, Query()]
) -> Response:
    found = await list_users(db, text=search.text, after=search.after, limit=PAGE + 1)
    users = found[:PAGE]
    more = {"text": search.text, "after": users[-1].email} if len(found) > PAGE else None
    return admin_page(
        request,
        "accounts/users.html",
        search=search,
        users=users,
        more=more and f"/admin/users?{urlencode(more)}",
    )


@router.post("/{user_id}/deactivate")
async def deactivate(db: SessionDep, user: Superuser, user_id: UUID) -> Response:
    email = (await deactivate_user(db, user_id, by=user)).email
    return _back_to(email, f"{email} is deactivated and signed out everywhere.")


@router.post("/{user_id}/activate")
async def activate(db: SessionDep, user_id: UUID) -> Response:
    email = (await activate_user(db, user_id)).email
    return _back_to(email, f"{email} can sign in again.")


def _back_to(email: str, message: str) -> Response:
    response = see_other(f"/admin/users?{urlencode({'text': email})}")
    flash(response, message)
    return response


async def figures(db: AsyncSession) -> list[Figure]:
    """How many accounts there are, for the overview of /admin."""
    unverified = select(func.count()).where(col(User.verified_at).is_(None))
    users = (await db.exec(select(func.count()).select_from(User))).one()
    waiting = (await db.exec(unverified)).one()
    name = f"Users, {waiting:,} not confirmed" if waiting else "Users"
    return [Figure(users, name, router.prefix)]


async def list_users(
    db: AsyncSession, *, text: str = "", after: str = "", limit: int = 50
) -> Sequence[User]:
    """Users by address. text: somewhere in it or in the name. after: the last one of a page."""
    statement = select(User).where(User.email > after).order_by(User.email).limit(limit)
    if text:
        places = (col(User.email), col(User.full_name))
        statement = statement.where(or_(*(p.icontains(text, autoescape=True) for p in places)))
    return (await db.exec(statement)).all()


async def deactivate_user(db: AsyncSession, user_id: UUID, *, by: User) -> User:
    """Deactivate an account: its devices are signed out, its links stop working.

    Of two administrators who do this to each other at once, one stays. Raises UserNotFound, or
    OwnAccount.
    """
    if user_id == by.id:
        raise OwnAccount("Another administrator has to deactivate it.")
    user = await _get_user(db, user_id)
    # PostgreSQL locks both rows, always in one order; SQLite lets one write at a time anyway.
    both = select(col(User.id)).where(col(User.id).in_([user.id, by.id])).order_by(col(User.id))
    await db.exec(both.with_for_update())
    still_here = aliased(User)
    deactivated = await db.exec(
        update(User)
        .where(
            col(User.id) == user.id,
            exists().where(col(still_here.id) == by.id, col(still_here.is_active).is_(True)),
        )
        .values(is_active=False)
        .execution_options(synchronize_session=False)
    )
    if not deactivated.rowcount:
        raise UserNotFound("Your account or this one has been closed just now.")
    await sessions.end_all(db, user)
    await tokens.delete_all(db, user)
    return user


async def activate_user(db: AsyncSession, user_id: UUID) -> User:
    """Activate an account again; raises UserNotFound."""
    user = await _get_user(db, user_id)
    user.is_active = True
    return user


async def _get_user(db: AsyncSession, user_id: UUID) -> User:
    user = await db.get(User, user_id)
    if user is None:
        raise UserNotFound(f"There is no user {user_id}.")
    return user
