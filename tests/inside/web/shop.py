"""A small application of its own, on which every kind of error can be provoked."""

from typing import Annotated, ClassVar

from fastapi import FastAPI, HTTPException, Query, Request
from kit.database.sessions import create_engine
from kit.errors import AppError
from kit.web.errors import install_error_handlers
from kit.web.flashing import flash
from kit.web.forms import parse_form
from kit.web.middleware import install_middleware
from kit.web.rendering import page
from kit.web.static import mount_static
from pydantic import BaseModel, ConfigDict, EmailStr, Field, SecretStr
from sqlalchemy import text
from starlette.responses import HTMLResponse, Response

HTML = {"Accept": "text/html,application/xhtml+xml"}


class OutOfStockError(AppError):
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Out of stock"


class TooEasyError(AppError):
    status: ClassVar[int] = 422
    title: ClassVar[str] = "Too easy"
    errors: ClassVar[dict[str, str]] = {"password": "Think of a better one."}


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: EmailStr
    password: SecretStr = Field(min_length=12)
    note: str = ""
    count: int | None = None


def make_shop(uploads: dict[str, int] | None = None) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None)
    install_error_handlers(app)
    install_middleware(app, uploads=uploads or {})
    mount_static(app)

    @app.post("/api/orders", responses={409: {"description": "Out of stock"}})
    async def create_order(order: Order) -> dict[str, str]:
        return {"email": order.email}

    @app.get("/api/orders")
    async def list_orders(page: Annotated[int, Query(ge=1)] = 1) -> int:
        return page

    @app.get("/api/sold-out")
    @app.get("/sold-out")
    async def sold_out() -> None:
        raise OutOfStockError("The last one went yesterday.", headers={"Retry-After": "60"})

    @app.get("/api/too-easy")
    async def too_easy() -> None:
        raise TooEasyError("Think again.")

    @app.get("/api/secret")
    async def secret() -> None:
        raise HTTPException(401, "Who are you?", headers={"WWW-Authenticate": "Bearer"})

    @app.get("/elsewhere")
    async def elsewhere() -> None:
        raise HTTPException(303, headers={"Location": "/login"})

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    @app.get("/ask/{name}")
    async def ask(name: str) -> None:
        away = "postgresql+psycopg://nobody@127.0.0.1:1/none"
        engine = create_engine(away if name == "away" else "sqlite+aiosqlite://")
        try:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1 FROM no_such_table"))
        finally:
            await engine.dispose()

    @app.get("/framed")
    async def framed() -> Response:
        return HTMLResponse("", headers={"Content-Security-Policy": "sandbox"})

    @app.get("/leave-a-message")
    async def leave_a_message() -> Response:
        response = Response()
        flash(response, "Bread & butter")
        return response

    @app.get("/page")
    async def a_page(request: Request) -> Response:
        return page(request, "web/error.html", status=200, title="A <page>", detail="")

    @app.post("/form")
    async def form(request: Request) -> dict[str, object]:
        form = await parse_form(request, Order)
        data = form.data.model_dump(mode="json") if form.data else None
        return {"data": data, "values": form.values, "errors": form.errors}

    return app
