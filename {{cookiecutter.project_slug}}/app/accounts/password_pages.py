"""The pages for a forgotten password."""

from fastapi import APIRouter, Request
from kit.database import SessionDep
from kit.errors import AppError
from kit.web import Form, flash, form_page, page, parse_form, see_other
from starlette.responses import Response

from app.accounts import service
from app.accounts.dependencies import ClientInfoDep, OptionalUser
from app.accounts.errors import InvalidToken
from app.accounts.models import User
from app.accounts.schemas import EmailOnly, ResetPassword

router = APIRouter(include_in_schema=False)

DEAD_LINK = "This link no longer works"


@router.get("/forgot-password")
async def show_forgot_password(request: Request, user: OptionalUser) -> Response:
    known = {"email": user.email} if user else {}
    return _forgot_page(request, Form[EmailOnly](values=known), user=user)


@router.post("/forgot-password")
async def forgot_password(request: Request, db: SessionDep, client: ClientInfoDep) -> Response:
    form = await parse_form(request, EmailOnly)
    if form.data:
        try:
            await service.request_password_reset(db, form.data.email, client)
            return see_other("/forgot-password/done")
        except AppError as error:
            await form.refuse(error, db)
    return _forgot_page(request, form)


@router.get("/forgot-password/done")
async def show_reset_is_mailed(request: Request) -> Response:
    return page(request, "accounts/reset_mailed.html")


@router.get("/reset-password")
async def show_reset_password(request: Request, token: str = "") -> Response:
    """Only shows the form: like that of `/verify-email`, the link is used up by its button."""
    return form_page(request, "accounts/reset_password.html", Form[ResetPassword](), token=token)


@router.post("/reset-password")
async def reset_password(request: Request, db: SessionDep, client: ClientInfoDep) -> Response:
    form = await parse_form(request, ResetPassword)
    if form.data:
        try:
            password = form.data.password.get_secret_value()
            await service.reset_password(db, form.data.token, password, client)
            response = see_other("/login")
            flash(response, "Your new password is set. Sign in with it.")
            return response
        except AppError as error:
            await form.refuse(error, db)
    if "token" in form.errors or isinstance(form.refusal, InvalidToken):
        return _forgot_page(request, Form[EmailOnly](refusal=InvalidToken()))
    token = (await request.form())["token"]
    return form_page(request, "accounts/reset_password.html", form, token=token)


def _forgot_page(request: Request, form: Form[EmailOnly], user: User | None = None) -> Response:
    title = DEAD_LINK if isinstance(form.refusal, InvalidToken) else "A new password"
    return form_page(request, "accounts/forgot_password.html", form, title=title, user=user)
