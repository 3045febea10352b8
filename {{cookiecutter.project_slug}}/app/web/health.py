"""Two questions of whoever runs this: does the process live, and can it serve?"""

from asyncio import timeout, to_thread

from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from app import migrations
from app.database import Session

router = APIRouter(include_in_schema=False)

_PATIENCE = 3  # seconds to wait for the database


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers. Touches nothing, so that a slow database restarts no container."""
    return {"status": "ok"}


@router.get("/readyz")
async def ready(response: Response) -> dict[str, str | dict[str, str]]:
    """Requests can be served: the database answers, and has the tables that this code expects."""
    checks = await _checks()
    is_ready = all(answer == "ok" for answer in checks.values())
    if not is_ready:
        response.status_code = 503
    return {"status": "ok" if is_ready else "unavailable", "checks": checks}


async def _checks() -> dict[str, str]:
    try:
        async with timeout(_PATIENCE), Session() as session:
            await session.connection()
            applied = await migrations.applied(session)
    except (SQLAlchemyError, OSError) as error:  # TimeoutError is an OSError
        return {"database": type(error).__name__, "migrations": "unknown"}
    heads = await to_thread(migrations.heads)
    return {"database": "ok", "migrations": "ok" if applied == heads else "not at head"}
