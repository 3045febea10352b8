"""The pages for whoever has forgotten their password, or wants another one."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.accounts import service
from app.accounts.dependencies import ClientInfoDep, OptionalUser, limit_email_requests
from app.accounts.errors import InvalidToken
from app.accounts.models import User
from app.accounts.schemas import EmailOnly, ResetPassword
from app.database import SessionDep
from app.web.flash import flash
from app.web.forms import Form, form_page, parse_form, refusal_shown_in, see_other
from app.web.rendering import page

router = APIRouter(include_in_schema=False)

DEAD_LINK = "This link no longer works"


@router.get("/forgot-password")
async def show_forgot_password(request: Request, user: OptionalUser) -> Response:
    known = {"email": user.email} if user else {}
    return _forgot_page(request, Form[EmailOnly](values=known), user=user)


@router.post("/forgot-password")
async def forgot_password(request: Request, session: SessionDep, client: ClientInfoDep) -> Response:
    form = await parse_form(request, EmailOnly)
    if form.data:
        async with refusal_shown_in(form, session):
            await limit_email_requests(client)
            await service.request_password_reset(session, form.data.email)
            return see_other("/forgot-password/done")
    return _forgot_page(request, form)


@router.get("/forgot-password/done")
async def show_reset_is_mailed(request: Request) -> Response:
    return page(request, "accounts/reset_mailed.html")


@router.get("/reset-password")
async def show_reset_password(request: Request, token: str = "") -> Response:
    """Only shows the form: like that of `/verify-email`, the link is used up by its button."""
    return form_page(request, "accounts/reset_password.html", Form[ResetPassword](), token=token)


@router.post("/reset-password")
async def reset_password(request: Request, session: SessionDep) -> Response:
    form = await parse_form(request, ResetPassword)
    if form.data:
        async with refusal_shown_in(form, session):
            password = form.data.password.get_secret_value()
            await service.reset_password(session, form.data.token, password)
            response = see_other("/login")
            flash(response, "Your new password is set. Sign in with it.")
            return response
    if "token" in form.errors or isinstance(form.refusal, InvalidToken):
        return _forgot_page(request, Form[EmailOnly](refusal=InvalidToken()))
    token = (await request.form())["token"]
    return form_page(request, "accounts/reset_password.html", form, token=token)


def _forgot_page(request: Request, form: Form[EmailOnly], user: User | None = None) -> Response:
    title = DEAD_LINK if isinstance(form.refusal, InvalidToken) else "A new password"
    return form_page(request, "accounts/forgot_password.html", form, title=title, user=user)
