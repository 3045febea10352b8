"""`/metrics`, for Prometheus alone."""

from hmac import compare_digest
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Header, HTTPException, Response

from kit.database import SessionDep
from kit.errors import AppError
from kit.settings import settings

router = APIRouter(include_in_schema=False)


class NotTheScraper(AppError):
    """The figures tell how many people register, which is not public."""

    status: ClassVar[int] = 401
    title: ClassVar[str] = "Not for you"


async def require_metrics_token(authorization: Annotated[str, Header()] = "") -> None:
    """Let in a client that knows METRICS_TOKEN; raises NotTheScraper.

    Without one the page is open to all, and in production not there at all.
    """
    if settings.metrics_token is None:
        if settings.is_production:
            raise HTTPException(404)
        return
    expected = f"Bearer {settings.metrics_token.get_secret_value()}"
    if not compare_digest(authorization.encode(), expected.encode()):
        raise NotTheScraper("Send METRICS_TOKEN.", headers={"WWW-Authenticate": "Bearer"})


@router.get("/metrics", dependencies=[Depends(require_metrics_token)])
async def show_metrics(db: SessionDep) -> Response:
    """The figures in Prometheus' text format."""
    from kit.admin import metrics  # prometheus_client takes 0.1 s to import

    return Response(await metrics.render(db), media_type=metrics.CONTENT_TYPE)
