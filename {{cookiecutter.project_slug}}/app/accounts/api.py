"""The JSON routes that lead to an account, and into it: `/api/v1/auth`."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.security import OAuth2PasswordRequestForm
from kit.database import SessionDep
from kit.web import Responses
from pydantic import ValidationError

from app.accounts import changes, service, sign_in
from app.accounts.dependencies import (
    ClientInfoDep,
    SessionToken,
    clear_session_cookie,
    set_session_cookie,
)
from app.accounts.errors import InvalidCredentials
from app.accounts.schemas import (
    AccessToken,
    ConfirmEmail,
    EmailOnly,
    Message,
    Register,
    ResetPassword,
    SignIn,
    VerifyEmail,
)
from app.accounts.sessions import IDLE_LIFETIME

BAD_TOKEN: Responses = {400: {"description": "The link was used, has expired, or never was one"}}
BAD_CREDENTIALS: Responses = {
    401: {"description": "Unknown address, wrong password, or an address not confirmed yet"}
}
ADDRESS_TAKEN: Responses = {409: {"description": "The address got another account meanwhile"}}
NOT_SIGNED_IN: Responses = {401: {"description": "No session, or one that has ended"}}
TOO_MANY: Responses = {429: {"description": "Too many attempts; see the header Retry-After"}}

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post("/register", status_code=202, responses=TOO_MANY)
async def register(db: SessionDep, data: Register, client: ClientInfoDep) -> Message:
    """Make an account. The answer is the same if the address has one already."""
    await service.register(db, data, client)
    return Message(detail="Please look into your mailbox: we have sent you a link to go on with.")


@router.post("/verify-email", responses=BAD_TOKEN)
async def verify_email(db: SessionDep, data: VerifyEmail) -> Message:
    """Confirm an e-mail address with the token of the link that was sent to it.

    A page that calls this may ask for the password first, as `/verify-email` does: the link also
    reaches people whose address a stranger has registered.
    """
    await service.verify_email(db, data.token)
    return Message(detail="Your e-mail address is confirmed. You can sign in now.")


@router.post("/resend-verification", status_code=202, responses=TOO_MANY)
async def resend_verification(db: SessionDep, data: EmailOnly, client: ClientInfoDep) -> Message:
    """Send another link, if the address waits for one; the answer does not tell."""
    await service.resend_verification(db, data.email, client)
    return Message(detail="If this address waits to be confirmed, a new link is on its way.")


@router.post("/confirm-email", responses=BAD_TOKEN | ADDRESS_TAKEN)
async def confirm_email(db: SessionDep, data: ConfirmEmail) -> Message:
    """Make a new address the account's own, with the token of the link that was sent to it."""
    email = await changes.confirm_email(db, data.token)
    return Message(detail=f"The address of your account is now {email}.")


@router.post("/forgot-password", status_code=202, responses=TOO_MANY)
async def forgot_password(db: SessionDep, data: EmailOnly, client: ClientInfoDep) -> Message:
    """Send a link to choose a new password. The answer doesn't tell whether there is an account."""
    await service.request_password_reset(db, data.email, client)
    return Message(detail="If this address has an account, a link is on its way.")


@router.post("/reset-password", responses=BAD_TOKEN)
async def reset_password(db: SessionDep, data: ResetPassword, client: ClientInfoDep) -> Message:
    """Set a new password with the token of the link; every device is signed out."""
    await service.reset_password(db, data.token, data.password.get_secret_value(), client)
    return Message(detail="Your new password is set. You can sign in now.")


async def get_credentials(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> SignIn:
    """Read the OAuth2 form, which calls the address a username."""
    try:
        return SignIn.model_validate({"email": form.username, "password": form.password})
    except ValidationError:
        raise InvalidCredentials from None


@router.post("/token", responses=BAD_CREDENTIALS | TOO_MANY)
async def create_token(
    db: SessionDep,
    data: Annotated[SignIn, Depends(get_credentials)],
    client: ClientInfoDep,
    response: Response,
) -> AccessToken:
    """Sign in a program: a bearer token (OAuth2, password grant)."""
    new = await sign_in.sign_in(db, data, replace(client, cookie=None))
    response.headers["Cache-Control"] = "no-store"  # RFC 6749, 5.1
    return AccessToken(access_token=new.token, expires_in=int(IDLE_LIFETIME.total_seconds()))


@router.post("/login", status_code=204, responses=BAD_CREDENTIALS | TOO_MANY)
async def login(db: SessionDep, data: SignIn, client: ClientInfoDep, response: Response) -> None:
    """Sign in a browser: a session cookie."""
    set_session_cookie(response, await sign_in.sign_in(db, data, client))


@router.post("/logout", status_code=204)
async def logout(
    db: SessionDep, token: SessionToken, client: ClientInfoDep, response: Response
) -> None:
    """End the sessions that the request carries, by bearer token and by cookie, if any."""
    await sign_in.sign_out(db, token or "", client.cookie or "")
    clear_session_cookie(response)
