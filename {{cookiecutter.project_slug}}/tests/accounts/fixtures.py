"""What most tests of accounts begin with."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from httpx2 import AsyncClient, Response
from kit.database import utcnow
from kit.passwords import hash_password
from kit.testing import HasEmail, Mailbox
from sqlmodel.ext.asyncio.session import AsyncSession

from app.accounts.models import User

EMAIL = "ada@example.com"
NEW_EMAIL = "ada@new.example.com"
ADMIN = "root@example.com"
PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "tangerine umbrella sundial"


async def make_user(session: AsyncSession, **changes: Any) -> User:
    """Return a committed user who has verified their address, unless `changes` say otherwise."""
    user = User(
        email=EMAIL,
        full_name="Ada Lovelace",
        password_hash=await hash_password(PASSWORD),
        verified_at=utcnow(),
    ).sqlmodel_update(changes)
    session.add(user)
    await session.commit()
    return user


async def register(client: AsyncClient, **changes: Any) -> Response:
    body = {"email": EMAIL, "password": PASSWORD, "full_name": "Ada Lovelace"} | changes
    return await client.post("/api/v1/auth/register", json=body)


async def verify(client: AsyncClient, token: str) -> Response:
    return await client.post("/api/v1/auth/verify-email", json={"token": token})


async def log_in(client: AsyncClient, email: str = EMAIL, password: str = PASSWORD) -> Response:
    """By cookie, which the client keeps."""
    body = {"email": email, "password": password}
    return await client.post("/api/v1/auth/login", json=body)


async def get_bearer(client: AsyncClient, email: str = EMAIL) -> dict[str, str]:
    """The headers of a program that has signed in."""
    form = {"username": email, "password": PASSWORD}
    answer = await client.post("/api/v1/auth/token", data=form)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def forget_password(client: AsyncClient, email: str = EMAIL) -> Response:
    return await client.post("/api/v1/auth/forgot-password", json={"email": email})


async def reset_password(client: AsyncClient, token: str, password: str = NEW_PASSWORD) -> Response:
    body = {"token": token, "password": password}
    return await client.post("/api/v1/auth/reset-password", json=body)


async def change_password(
    client: AsyncClient, current: str = PASSWORD, new: str = NEW_PASSWORD
) -> Response:
    body = {"current_password": current, "new_password": new}
    return await client.post("/api/v1/users/me/password", json=body)


async def change_email(
    client: AsyncClient, email: str = NEW_EMAIL, password: str = PASSWORD
) -> Response:
    body = {"email": email, "current_password": password}
    return await client.post("/api/v1/users/me/email", json=body)


async def confirm_email(client: AsyncClient, token: str) -> Response:
    return await client.post("/api/v1/auth/confirm-email", json={"token": token})


async def delete_account(client: AsyncClient, password: str = PASSWORD) -> Response:
    body = {"current_password": password}
    return await client.request("DELETE", "/api/v1/users/me", json=body)


def mailed_token(mailbox: Mailbox, to: HasEmail | str = EMAIL, page: str = "/verify-email") -> str:
    """The token in the latest e-mail to this address, which leads to this page."""
    link = mailbox.to(to).latest.link(page)
    return parse_qs(urlsplit(link).query)["token"][0]
