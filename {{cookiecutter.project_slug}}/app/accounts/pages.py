"""The account pages: plain forms that work without JavaScript, over the same service as the API."""

import re

from fastapi import APIRouter, Request
from kit.database import SessionDep
from kit.errors import AppError
from kit.web import Form, flash, form_page, page, parse_form, require_https, see_other
from starlette.responses import Response

from app.accounts import service, sign_in
from app.accounts.dependencies import (
    SESSION_COOKIE,
    ClientInfoDep,
    OptionalUser,
    clear_session_cookie,
    set_session_cookie,
)
from app.accounts.errors import InvalidToken
from app.accounts.password_pages import DEAD_LINK
from app.accounts.schemas import (
    EmailOnly,
    FirstSignIn,
    Register,
    SignIn,
)

router = APIRouter(include_in_schema=False)


@router.get("/register")
async def show_register(request: Request, user: OptionalUser) -> Response:
    if user:
        return see_other("/account")
    return form_page(request, "accounts/register.html", Form[Register]())


@router.post("/register")
async def register(request: Request, db: SessionDep, client: ClientInfoDep) -> Response:
    form = await parse_form(request, Register)
    if form.data:
        try:
            await service.register(db, form.data, client)
            return _check_inbox(form.data.email)
        except AppError as error:
            await form.refuse(error, db)
    return form_page(request, "accounts/register.html", form)


@router.get("/register/done")
async def show_check_inbox(request: Request) -> Response:
    return page(request, "accounts/check_inbox.html", promised=True)


@router.get("/verify-email")
async def show_verify_email(request: Request, token: str = "") -> Response:
    """Only shows the form: mail scanners open every link, and must not use the token up."""
    return form_page(request, "accounts/verify_email.html", Form[FirstSignIn](), token=token)


@router.post("/verify-email")
async def verify_email(request: Request, db: SessionDep, client: ClientInfoDep) -> Response:
    form = await parse_form(request, FirstSignIn)
    if form.data:
        try:
            require_https(request)
            new = await sign_in.verify_and_sign_in(db, form.data, client)
            response = see_other("/account")
            set_session_cookie(response, new)
            flash(response, "Your address is confirmed. Welcome!")
            return response
        except AppError as error:
            await form.refuse(error, db)
    if "token" in form.errors or isinstance(form.refusal, InvalidToken):
        return _resend_page(request, Form[EmailOnly](refusal=InvalidToken()))
    token = (await request.form())["token"]
    return form_page(request, "accounts/verify_email.html", form, token=token)


@router.get("/resend-verification")
async def show_resend_verification(request: Request) -> Response:
    return _resend_page(request, Form[EmailOnly]())


@router.post("/resend-verification")
async def resend_verification(request: Request, db: SessionDep, client: ClientInfoDep) -> Response:
    form = await parse_form(request, EmailOnly)
    if form.data:
        try:
            await service.resend_verification(db, form.data.email, client)
            response = see_other("/resend-verification/done")
            flash(
                response, f"If {form.data.email} has an account, an e-mail is on its way.", "info"
            )
            return response
        except AppError as error:
            await form.refuse(error, db)
    return _resend_page(request, form)


@router.get("/resend-verification/done")
async def show_link_was_asked_for(request: Request) -> Response:
    return page(request, "accounts/check_inbox.html", promised=False)


@router.get("/login")
async def show_login(request: Request, user: OptionalUser, next: str = "") -> Response:
    if user:
        return see_other(local_path(next))
    return form_page(request, "accounts/login.html", Form[SignIn]())


@router.post("/login")
async def login(
    request: Request, db: SessionDep, client: ClientInfoDep, next: str = ""
) -> Response:
    form = await parse_form(request, SignIn)
    if form.data:
        try:
            require_https(request)
            new = await sign_in.sign_in(db, form.data, client)
            response = see_other(local_path(next))
            set_session_cookie(response, new)
            return response
        except AppError as error:
            await form.refuse(error, db)
    return form_page(request, "accounts/login.html", form)


@router.post("/logout")
async def logout(request: Request, db: SessionDep) -> Response:
    if token := request.cookies.get(SESSION_COOKIE):
        await sign_in.sign_out(db, token)
    response = see_other("/")
    clear_session_cookie(response)
    flash(response, "You are signed out. See you soon.", "info")
    return response


def local_path(next_: str) -> str:
    """Where to go after signing in: a path of ours, never another site.

    Browsers read `/\\evil.example` and `/<tab>/evil.example` as `//evil.example`.
    """
    return next_ if re.fullmatch(r"/(?!/)[^\\\x00-\x20\x7f]*", next_) else "/account"


def _check_inbox(email: str) -> Response:
    """The same for every address, known or not."""
    response = see_other("/register/done")
    flash(response, f"We have sent an e-mail to {email}.")
    return response


def _resend_page(request: Request, form: Form[EmailOnly]) -> Response:
    title = DEAD_LINK if isinstance(form.refusal, InvalidToken) else "Get a new link"
    return form_page(request, "accounts/resend_verification.html", form, title=title)
