"""The JSON routes of the signed-in user's account: `/api/v1/users/me`."""

from uuid import UUID

from fastapi import APIRouter, Response
from kit.database import SessionDep
from kit.web import Responses

from app.accounts import changes, service, sessions
from app.accounts.api import (
    NOT_SIGNED_IN,
    TOO_MANY,
)
from app.accounts.dependencies import (
    ClientInfoDep,
    CurrentLoginDep,
    CurrentUser,
    clear_cookies,
    clear_session_cookie,
    set_session_cookie,
)
from app.accounts.models import LoginSession, User
from app.accounts.schemas import (
    ChangeEmail,
    ChangePassword,
    ConfirmPassword,
    Message,
    SessionPublic,
    UpdateAccount,
    UserPublic,
)
from app.accounts.sessions import CurrentLogin

WRONG_PASSWORD: Responses = {403: {"description": "This is not the account's password"}}
LAST_SUPERUSER: Responses = {409: {"description": "The only administrator stays"}}
NO_SUCH_SESSION: Responses = {404: {"description": "You have no session with this id"}}

router = APIRouter(prefix="/api/v1/users/me", tags=["account"], responses=NOT_SIGNED_IN)


@router.get("", response_model=UserPublic)
async def read_account(user: CurrentUser) -> User:
    """The account of the user who asks."""
    return user


@router.patch("", response_model=UserPublic)
async def update_account(db: SessionDep, user: CurrentUser, data: UpdateAccount) -> User:
    """Change the name."""
    return await service.update_account(db, user, data)


@router.delete("", status_code=204, responses=WRONG_PASSWORD | LAST_SUPERUSER | TOO_MANY)
async def delete_account(
    db: SessionDep, current: CurrentLoginDep, data: ConfirmPassword, response: Response
) -> None:
    """Delete the account, for good and at once; the password is asked for in the body."""
    await changes.delete_account(db, current, data)
    clear_cookies(response)


@router.post("/password", responses=WRONG_PASSWORD | TOO_MANY)
async def change_password(
    db: SessionDep,
    current: CurrentLoginDep,
    data: ChangePassword,
    client: ClientInfoDep,
    response: Response,
) -> Message:
    """Set another password. All other devices are signed out; a session cookie is renewed."""
    if renewed := await changes.change_password(db, current, data, client):
        set_session_cookie(response, renewed)
    return Message(detail="Your password is changed, and your other devices are signed out.")


@router.post("/email", status_code=202, responses=WRONG_PASSWORD | TOO_MANY)
async def change_email(db: SessionDep, current: CurrentLoginDep, data: ChangeEmail) -> Message:
    """Ask for another address, which counts once its link is followed. The answer does not
    tell whether it has an account already.
    """
    await changes.request_email_change(db, current, data)
    return Message(detail="Please look into the mailbox of the new address: we have written to it.")


@router.get("/sessions")
async def list_sessions(db: SessionDep, current: CurrentLoginDep) -> list[SessionPublic]:
    """The devices that are signed in."""
    found = await sessions.list_of(db, current.user)
    return [_public(login, current) for login in found]


@router.delete("/sessions", status_code=204)
async def end_all_sessions(db: SessionDep, user: CurrentUser, response: Response) -> None:
    """Sign out everywhere, here as well."""
    await sessions.end_all(db, user)
    clear_session_cookie(response)


@router.get("/sessions/{session_id}", responses=NO_SUCH_SESSION)
async def read_session(db: SessionDep, current: CurrentLoginDep, session_id: UUID) -> SessionPublic:
    """One device that is signed in."""
    return _public(await sessions.get(db, current.user, session_id), current)


@router.delete("/sessions/{session_id}", status_code=204, responses=NO_SUCH_SESSION)
async def end_session(db: SessionDep, user: CurrentUser, session_id: UUID) -> None:
    """Sign out one device."""
    await sessions.end_one(db, user, session_id)


def _public(login: LoginSession, current: CurrentLogin) -> SessionPublic:
    return SessionPublic(**login.model_dump(), current=login.id == current.login.id)
