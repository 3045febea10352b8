"""The pages of the signed-in user: the account, and what can be changed."""

from uuid import UUID

from fastapi import APIRouter, Request
from kit.database import SessionDep
from kit.errors import AppError
from kit.web import Form, describe_device, flash, form_page, parse_form, see_other
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.responses import Response

from app.accounts import changes, service, sessions
from app.accounts.dependencies import (
    ClientInfoDep,
    CurrentLoginDep,
    OptionalUser,
    SignedInUser,
    clear_cookies,
    clear_session_cookie,
    set_session_cookie,
)
from app.accounts.errors import InvalidToken
from app.accounts.schemas import (
    ChangeEmail,
    ChangePassword,
    ConfirmEmail,
    ConfirmPassword,
    UpdateAccount,
)
from app.accounts.sessions import CurrentLogin

router = APIRouter(include_in_schema=False)


@router.get("/account")
async def show_account(
    request: Request, db: SessionDep, user: SignedInUser, current: CurrentLoginDep
) -> Response:
    form = Form[UpdateAccount](values={"full_name": user.full_name})
    return await _account_page(request, db, current, form)


@router.post("/account")
async def update_account(
    request: Request, db: SessionDep, user: SignedInUser, current: CurrentLoginDep
) -> Response:
    form = await parse_form(request, UpdateAccount)
    if form.data is None:
        return await _account_page(request, db, current, form)
    await service.update_account(db, user, form.data)
    response = see_other("/account")
    flash(response, "Saved.")
    return response


@router.post("/account/sessions/{session_id}/end")
async def end_session(db: SessionDep, user: SignedInUser, session_id: UUID) -> Response:
    await sessions.end_one(db, user, session_id)
    response = see_other("/account")
    flash(response, "That device is signed out.")
    return response


@router.post("/account/sessions/end")
async def end_all_sessions(db: SessionDep, user: SignedInUser) -> Response:
    await sessions.end_all(db, user)
    response = see_other("/login")
    clear_session_cookie(response)
    flash(response, "You are signed out everywhere.", "info")
    return response


@router.get("/account/password")
async def show_change_password(request: Request, user: SignedInUser) -> Response:
    return form_page(request, "accounts/change_password.html", Form[ChangePassword](), user=user)


@router.post("/account/password")
async def change_password(
    request: Request,
    db: SessionDep,
    user: SignedInUser,
    current: CurrentLoginDep,
    client: ClientInfoDep,
) -> Response:
    form = await parse_form(request, ChangePassword)
    if form.data:
        try:
            renewed = await changes.change_password(db, current, form.data, client)
            response = see_other("/account")
            if renewed:
                set_session_cookie(response, renewed)
            flash(response, "Your password is changed. Your other devices are signed out.")
            return response
        except AppError as error:
            await form.refuse(error, db)
    return form_page(request, "accounts/change_password.html", form, user=user)


@router.get("/account/email")
async def show_change_email(request: Request, user: SignedInUser) -> Response:
    return form_page(request, "accounts/change_email.html", Form[ChangeEmail](), user=user)


@router.post("/account/email")
async def change_email(
    request: Request, db: SessionDep, user: SignedInUser, current: CurrentLoginDep
) -> Response:
    form = await parse_form(request, ChangeEmail)
    if form.data:
        try:
            await changes.request_email_change(db, current, form.data)
            response = see_other("/account")
            flash(response, f"We have sent an e-mail to {form.data.email}. Open the link in it.")
            return response
        except AppError as error:
            await form.refuse(error, db)
    return form_page(request, "accounts/change_email.html", form, user=user)


@router.get("/confirm-email")
async def show_confirm_email(request: Request, user: OptionalUser, token: str = "") -> Response:
    """Only shows a button, like `/verify-email`."""
    form = Form[ConfirmEmail]()
    return form_page(request, "accounts/confirm_email.html", form, user=user, token=token)


@router.post("/confirm-email")
async def confirm_email(request: Request, db: SessionDep, user: OptionalUser) -> Response:
    form = await parse_form(request, ConfirmEmail)
    if form.data:
        try:
            email = await changes.confirm_email(db, form.data.token)
            response = see_other("/account" if user else "/login")
            flash(response, f"The address of your account is now {email}.")
            return response
        except AppError as error:
            await form.refuse(error, db)
    await form.refuse(form.refusal or InvalidToken(), db)
    return form_page(request, "accounts/confirm_email.html", form, user=user, token="")


@router.get("/account/delete")
async def show_delete_account(request: Request, user: SignedInUser) -> Response:
    return form_page(request, "accounts/delete_account.html", Form[ConfirmPassword](), user=user)


@router.post("/account/delete")
async def delete_account(
    request: Request, db: SessionDep, user: SignedInUser, current: CurrentLoginDep
) -> Response:
    form = await parse_form(request, ConfirmPassword)
    if form.data:
        try:
            await changes.delete_account(db, current, form.data)
            response = see_other("/")
            clear_cookies(response)
            flash(response, "Your account is deleted. Goodbye!", "info")
            return response
        except AppError as error:
            await form.refuse(error, db)
    return form_page(request, "accounts/delete_account.html", form, user=user)


async def _account_page(
    request: Request,
    db: AsyncSession,
    current: CurrentLogin,
    form: Form[UpdateAccount],
) -> Response:
    return form_page(
        request,
        "accounts/account.html",
        form,
        user=current.user,
        devices=await sessions.list_of(db, current.user),
        current=current.login,
        describe_device=describe_device,
    )
