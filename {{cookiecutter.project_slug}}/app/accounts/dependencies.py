"""What routes and pages ask for: who is signed in, and where the request comes from.

All are `async def`, even those that wait for nothing: FastAPI would run a `def` in a thread.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote, urlsplit
from uuid import UUID

from fastapi import Depends, HTTPException, Request, Response
from fastapi.security import OAuth2PasswordBearer
from kit.database import SessionDep

from app.accounts import known_devices, sessions
from app.accounts.errors import NotAllowed, NotSignedIn
from app.accounts.models import User
from app.accounts.sessions import LONGEST_LIFETIME, ClientInfo, CurrentLogin, NewLogin
from app.settings import settings

# The prefix makes browsers refuse it from a subdomain, without TLS, or for one path only.
SESSION_COOKIE = "__Host-session" if settings.is_production else "session"
DEVICE_COOKIE = "__Host-device" if settings.is_production else "device"

_bearer = OAuth2PasswordBearer(tokenUrl="/api/v1/auth/token", auto_error=False)


async def get_client_info(request: Request) -> ClientInfo:
    """Describe the client. Behind a trusted proxy, uvicorn knows its real address."""
    agent = request.headers.get("user-agent", "")
    return ClientInfo(
        ip=request.client.host[:45] if request.client else "",
        user_agent="".join(filter(str.isprintable, agent))[:255],
        cookie=request.cookies.get(SESSION_COOKIE),
        device=request.cookies.get(DEVICE_COOKIE),
    )


async def get_session_token(
    request: Request, bearer: Annotated[str | None, Depends(_bearer)]
) -> str | None:
    """Return the bearer token if there is one, else the cookie: browsers always send cookies."""
    return request.cookies.get(SESSION_COOKIE) if bearer is None else bearer


ClientInfoDep = Annotated[ClientInfo, Depends(get_client_info)]
SessionToken = Annotated[str | None, Depends(get_session_token)]


async def get_optional_login(db: SessionDep, token: SessionToken) -> CurrentLogin | None:
    """Return who is signed in, and by which device; None for everybody else."""
    return await sessions.find(db, token) if token else None


OptionalLoginDep = Annotated[CurrentLogin | None, Depends(get_optional_login)]


async def get_current_login(current: OptionalLoginDep) -> CurrentLogin:
    """Return who is signed in, and by which device; raise NotSignedIn for everybody else."""
    if current is None:
        raise NotSignedIn
    return current


CurrentLoginDep = Annotated[CurrentLogin, Depends(get_current_login)]


async def get_optional_user(current: OptionalLoginDep) -> User | None:
    """Return the user who is signed in, if any."""
    return current.user if current else None


async def get_current_user(current: CurrentLoginDep) -> User:
    """Return the user who is signed in; raise NotSignedIn for everybody else."""
    return current.user


OptionalUser = Annotated[User | None, Depends(get_optional_user)]
CurrentUser = Annotated[User, Depends(get_current_user)]


async def signed_in_user(request: Request, user: OptionalUser) -> User:
    """Return the signed-in user of a page. Everyone else signs in first, then comes back."""
    if user is None:
        location = f"/login?next={quote(path)}" if (path := _page(request)) else "/login"
        raise HTTPException(303, headers={"Location": location})
    return user


def _page(request: Request) -> str:
    """Return the path to come back to; after a POST, which can't be repeated, that of its form.

    Only the path is used, so it is always one of ours, whatever site a Referer names.
    """
    if request.method == "GET":
        return f"{request.url.path}?{request.url.query}".rstrip("?")
    with suppress(ValueError):  # `http://[` isn't a valid URL
        return urlsplit(request.headers.get("referer", "")).path
    return ""


SignedInUser = Annotated[User, Depends(signed_in_user)]


async def superuser(user: SignedInUser) -> User:
    """Return the user, if they may do everything. Others are refused, or sign in first.

    Raises NotAllowed.
    """
    if not user.is_superuser:
        raise NotAllowed
    return user


async def current_user_id(user: CurrentUser) -> UUID:
    """Return the id of the user who asks; raises NotSignedIn."""
    return user.id


Superuser = Annotated[User, Depends(superuser)]


def set_session_cookie(response: Response, new: NewLogin) -> None:
    """Give the browser its token. The database says when it ends; the cookie lasts longer."""
    _set_cookie(response, SESSION_COOKIE, new.token, LONGEST_LIFETIME)
    device = known_devices.new_cookie(new.user.email)
    _set_cookie(response, DEVICE_COOKIE, device, known_devices.LIFETIME)


def _set_cookie(response: Response, name: str, value: str, lifetime: timedelta) -> None:
    response.set_cookie(
        name,
        value,
        max_age=int(lifetime.total_seconds()),
        path="/",
        secure=settings.is_production,
        httponly=True,
        samesite="lax",
    )


def clear_cookies(response: Response) -> None:
    """Take all that an account left in the browser."""
    clear_session_cookie(response)
    response.delete_cookie(
        DEVICE_COOKIE, path="/", secure=settings.is_production, httponly=True, samesite="lax"
    )


def clear_session_cookie(response: Response) -> None:
    """Take the token from the browser."""
    response.delete_cookie(
        SESSION_COOKIE, path="/", secure=settings.is_production, httponly=True, samesite="lax"
    )
