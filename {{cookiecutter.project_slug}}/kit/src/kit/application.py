"""Builds the FastAPI application from what `app` and kit bring."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import ModuleType
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Request

from kit import admin, mail
from kit.database import engine
from kit.discovery import BrokenModule, modules
from kit.logging import configure_logging, name_blocking_calls
from kit.settings import Settings
from kit.tasks import engines
from kit.tasks.background import BackgroundMiddleware, BackgroundRunner
from kit.web import docs, health
from kit.web.errors import install_error_handlers
from kit.web.hosts import require_own_host
from kit.web.middleware import install_middleware
from kit.web.request_log import RequestLog
from kit.web.static import mount_static

Dependency = Callable[..., Any]
"""A FastAPI dependency: a function whose parameters FastAPI fills in."""
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    *,
    settings: Settings,
    operator: Dependency,
    user_id: Dependency,
    lifespan: Lifespan | None = None,
    content_security_policy: Mapping[str, Sequence[str]] | None = None,
    uploads: Mapping[str, int] | None = None,
) -> FastAPI:
    """Return the application, with the routes of every `api`, `pages`, `admin` and `dev` module.

    operator: returns the user who asks, if they may open /admin; raises what refuses or redirects
        everybody else. It guards every `admin` module.
    user_id: returns the id of the user who asks; raises if no user is signed in. Users see the
        state of the jobs that were enqueued with this `owner`.
    lifespan: your own, as FastAPI takes it. It is entered before jobs run and left after them.
    content_security_policy: further sources by directive, beside our own site:
        `{"img-src": ["https://images.example.com"]}`.
    uploads: how many bytes a request may have below a path, beyond the 64 KiB of any other:
        `{"/account/photo": 5 * 1024 * 1024}`.

    What it returns is a plain FastAPI: `add_middleware`, `add_exception_handler` and
    `include_router` work as its documentation says.
    """
    for name, dependency in (("operator", operator), ("user_id", user_id)):
        if not callable(dependency):
            raise TypeError(f"create_app: {name} must be a dependency, which is a function")
    app = FastAPI(
        title=settings.project_name,
        lifespan=_lifespan(settings, lifespan),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # it would redirect to whatever Host the client named
    )
    install_error_handlers(app)
    app.add_middleware(BackgroundMiddleware)
    install_middleware(app, content_security_policy or {}, uploads or {})
    app.add_middleware(RequestLog)
    mount_static(app)
    _include_routes(app, settings, operator=operator, user_id=user_id)
    return app


def _include_routes(
    app: FastAPI, settings: Settings, *, operator: Dependency, user_id: Dependency
) -> None:
    """Yours first: of two routes with one path the first wins."""
    for name in ("api", "pages"):
        for module in modules(name, "app"):
            app.include_router(_router(module))
    as_operator = [Depends(_remember_operator(operator))]
    for router in (*map(_router, modules("admin", "app")), *admin.routers):
        app.include_router(router, dependencies=as_operator)
    app.include_router(admin.jobs_api, dependencies=[Depends(_remember_user_id(user_id))])
    for router in (health.router, docs.router, admin.metrics_api):
        app.include_router(router)
    if settings.is_development or settings.environment == "test":
        from kit import (
            dev,
        )  # with Jinja and all previews, which no other process needs at its start

        for router in (*map(_router, modules("dev", "app")), dev.router):
            app.include_router(router, dependencies=[Depends(require_own_host)])


def _router(module: ModuleType) -> APIRouter:
    router = getattr(module, "router", None)
    if not isinstance(router, APIRouter):
        path = "/".join(module.__name__.split("."))
        raise BrokenModule(f"{path}.py: needs a router: `router = APIRouter()`")
    return router


def _remember_operator(operator: Dependency) -> Dependency:
    async def remember(request: Request, who: Annotated[Any, Depends(operator)]) -> None:
        request.state.operator = who

    return remember


def _remember_user_id(user_id: Dependency) -> Dependency:
    async def remember(request: Request, who: Annotated[UUID, Depends(user_id)]) -> None:
        request.state.user_id = who

    return remember


def _lifespan(settings: Settings, own: Lifespan | None) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        configure_logging()
        if settings.environment == "development":
            name_blocking_calls()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(engine.dispose)
            stack.push_async_callback(mail.close)
            if own:
                await stack.enter_async_context(own(app))
            tasks = engines.current()
            app.state.background = BackgroundRunner()
            await tasks.start()
            yield
            await asyncio.gather(tasks.stop(), app.state.background.stop(settings.shutdown_timeout))

    return lifespan
