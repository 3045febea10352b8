"""Is the process alive, and can it serve requests? For load balancers and orchestrators."""

from asyncio import timeout, to_thread
from datetime import timedelta

from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import migrations
from kit.database import Session
from kit.logging import get_logger
from kit.settings import settings
from kit.tasks import engines, statistics
from kit.tasks.threads import in_thread

log = get_logger(__name__)
router = APIRouter(include_in_schema=False)

_PATIENCE = 3  # seconds to wait for the database, and for the broker
_SECOND = timedelta(seconds=1)


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers. Touches nothing, so that a slow database restarts no container."""
    return {"status": "ok"}


@router.get("/readyz")
async def ready(response: Response) -> dict[str, str | dict[str, str]]:
    """Requests can be served: the database answers, it has the tables that this code expects,
    and what requests promise is done in time.

    The answer names the checks that failed. The reasons are only in the log, as they are internal.
    """
    checks = await _checks()
    is_ready = all(answer == "ok" for answer in checks.values())
    if not is_ready:
        response.status_code = 503
    if engines.current().brokered:
        checks["broker"] = await _broker()
    return {"status": "ok" if is_ready else "unavailable", "checks": checks}


async def _checks() -> dict[str, str]:
    try:
        async with timeout(_PATIENCE), Session() as db:
            await db.connection()
            applied = await migrations.applied(db)
            if problem := await to_thread(migrations.mismatch, applied):
                return {
                    "database": "ok",
                    "migrations": _failed("migrations", problem),
                    "queue": "unknown",
                }
            return {"database": "ok", "migrations": "ok", "queue": await _queue(db)}
    except (SQLAlchemyError, OSError) as error:  # TimeoutError is an OSError
        failed = _failed("database", type(error).__name__)
        return {"database": failed, "migrations": "unknown", "queue": "unknown"}


async def _broker() -> str:
    """Reported, but no reason to refuse requests: their jobs are safe in the table. If the broker
    stays away, jobs become late, and the check of the queue fails.
    """
    try:
        async with timeout(_PATIENCE):
            await in_thread(engines.current().ping)
    except Exception as error:  # whatever the broker's client raises
        return _failed("broker", type(error).__name__)
    return "ok"


async def _queue(db: AsyncSession) -> str:
    """Whether the jobs are run in time. A job that waits for its next attempt is not late."""
    allowed = settings.ready_max_queue_lag
    if allowed is None:
        return "ok"
    lag = await statistics.longest_lag(db)
    if lag <= allowed:
        return "ok"
    late = f"the oldest due job has waited for {lag // _SECOND} s"
    return _failed("queue", f"{late}, {allowed // _SECOND} s are allowed")


def _failed(check: str, reason: str) -> str:
    log.warning("not as it should be", check=check, reason=reason)
    return "failed"
