"""What routes and pages ask for: who is there, where from, and whether it is too often.

All are `async def`, also those that wait for nothing: FastAPI runs a `def` in a thread.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, HTTPException, Request, Response
from fastapi.security import OAuth2PasswordBearer

from app import ratelimit
from app.accounts import sessions
from app.accounts.errors import NotSignedIn
from app.accounts.models import LoginSession, User
from app.accounts.sessions import LONGEST_LIFETIME, ClientInfo, SignedIn
from app.database import SessionDep
from app.ratelimit import Limit
from app.settings import settings

# The prefix makes browsers refuse it from a subdomain, without TLS, or for one path only.
SESSION_COOKIE = "__Host-session" if settings.is_production else "session"

# A class or an office registers from behind one address; each one costs us a hash and an e-mail.
REGISTRATIONS_FROM_ONE_CLIENT = Limit("register-client", 300, per=timedelta(hours=1))
EMAIL_REQUESTS_FROM_ONE_CLIENT = Limit("email-request-client", 30, per=timedelta(hours=1))

_bearer = OAuth2PasswordBearer(tokenUrl="/api/v1/auth/token", auto_error=False)


async def get_client_info(request: Request) -> ClientInfo:
    """The other end of the connection; uvicorn's --proxy-headers sees through a proxy."""
    agent = request.headers.get("user-agent", "")
    return ClientInfo(
        ip=request.client.host[:45] if request.client else "",
        user_agent="".join(filter(str.isprintable, agent))[:255],
        cookie=request.cookies.get(SESSION_COOKIE),
    )


async def get_session_token(
    request: Request, bearer: Annotated[str | None, Depends(_bearer)]
) -> str | None:
    """A bearer token alone counts if there is one: a program means it, a cookie comes along."""
    return request.cookies.get(SESSION_COOKIE) if bearer is None else bearer


ClientInfoDep = Annotated[ClientInfo, Depends(get_client_info)]
SessionToken = Annotated[str | None, Depends(get_session_token)]


async def get_login(session: SessionDep, token: SessionToken) -> tuple[User, LoginSession] | None:
    return await sessions.find(session, token) if token else None


Login = Annotated[tuple[User, LoginSession] | None, Depends(get_login)]


async def get_optional_user(login: Login) -> User | None:
    return login[0] if login else None


async def get_current_user(login: Login) -> User:
    """Whoever is signed in; raises NotSignedIn."""
    if login is None:
        raise NotSignedIn
    return login[0]


async def get_current_session(login: Login) -> LoginSession:
    """The session that the request belongs to; raises NotSignedIn."""
    if login is None:
        raise NotSignedIn
    return login[1]


OptionalUser = Annotated[User | None, Depends(get_optional_user)]
CurrentUser = Annotated[User, Depends(get_current_user)]
CurrentSession = Annotated[LoginSession, Depends(get_current_session)]


async def signed_in_user(request: Request, user: OptionalUser) -> User:
    """The user whom a page belongs to; anybody else signs in first, and then comes back."""
    if user is None:
        location = f"/login?next={quote(path)}" if (path := _page(request)) else "/login"
        raise HTTPException(303, headers={"Location": location})
    return user


def _page(request: Request) -> str:
    """Where to come back to: for a form, the page that it was on, for only GET can be asked again.

    The path alone: it is one of ours, whatever site a Referer names.
    """
    if request.method == "GET":
        return request.url.path
    with suppress(ValueError):  # `http://[` is no URL
        return urlsplit(request.headers.get("referer", "")).path
    return ""


SignedInUser = Annotated[User, Depends(signed_in_user)]


async def limit_registrations(client: ClientInfoDep) -> None:
    """Raises TooManyAttempts."""
    await ratelimit.check(REGISTRATIONS_FROM_ONE_CLIENT, ratelimit.network(client.ip))


async def limit_email_requests(client: ClientInfoDep) -> None:
    """Raises TooManyAttempts."""
    await ratelimit.check(EMAIL_REQUESTS_FROM_ONE_CLIENT, ratelimit.network(client.ip))


def set_session_cookie(response: Response, signed_in: SignedIn) -> None:
    """Give the browser its token. The database says when it ends; the cookie lasts longer."""
    response.set_cookie(
        SESSION_COOKIE,
        signed_in.token,
        max_age=int(LONGEST_LIFETIME.total_seconds()),
        path="/",
        secure=settings.is_production,
        httponly=True,
        samesite="lax",
    )


def clear_session_cookie(response: Response) -> None:
    """Take the token from the browser."""
    response.delete_cookie(
        SESSION_COOKIE, path="/", secure=settings.is_production, httponly=True, samesite="lax"
    )
