"""Builds the FastAPI application; nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI

from app import mail
from app.database import engine
from app.discovery import modules
from app.logging import configure_logging, name_blocking_calls
from app.settings import settings
from app.tasks import engines
from app.tasks.background import BackgroundMiddleware, BackgroundRunner
from app.web import docs, health
from app.web.errors import install_error_handlers
from app.web.hosts import require_own_host
from app.web.middleware import install_middleware
from app.web.request_log import RequestLog
from app.web.static import mount_static


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    configure_logging()
    if settings.environment == "development":
        name_blocking_calls()
    tasks = engines.current()
    app.state.background = BackgroundRunner()
    await tasks.start()
    try:
        yield
        await asyncio.gather(tasks.stop(), app.state.background.stop(settings.shutdown_timeout))
    finally:
        await mail.close()
        await engine.dispose()


app = FastAPI(
    title=settings.project_name,
    lifespan=lifespan,
    docs_url=None,
    redoc_url=None,
    redirect_slashes=False,  # it would redirect to whatever Host the client named
)
install_error_handlers(app)
app.add_middleware(BackgroundMiddleware)
install_middleware(app)
app.add_middleware(RequestLog)
mount_static(app)
app.include_router(health.router)
app.include_router(docs.router)
for name in ("api", "pages"):
    for module in modules(name):
        app.include_router(module.router)
if not settings.is_production:
    for module in modules("dev"):
        app.include_router(module.router, dependencies=[Depends(require_own_host)])
