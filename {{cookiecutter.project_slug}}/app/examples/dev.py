"""Routes to try at /docs; they exist in development only."""

from fastapi import APIRouter, BackgroundTasks, Response
from kit.database import SessionDep
from kit.logging import get_logger
from kit.tasks import Background
from pydantic import BaseModel, EmailStr

from app.accounts.dependencies import OptionalUser
from app.examples.tasks import write_report

log = get_logger(__name__)
router = APIRouter(prefix="/api/v1/examples", tags=["examples"])


class Notified(BaseModel):
    message: str


class Queued(BaseModel):
    task_id: str
    status: str


async def warm_cache(page: str) -> None:
    log.info("cache warmed", page=page)


def write_line(event: str, page: str) -> None:
    log.info("line of analytics", page_event=event, page=page)


def tell_operator(error: Exception) -> None:
    log.warning("analytics are down", error=str(error))


@router.post("/views/{page}")
async def view_page(page: str, background: Background) -> Notified:
    """May be lost: small work tied to this request, begun now, or after route or response."""
    background.now(warm_cache, page)
    background.after_route(write_line, "viewed", page)
    background.after_response(write_line, "left", page, shield=True, on_error=tell_operator)
    return Notified(message=f"{page} was viewed")


@router.post("/notifications/{email}")
async def notify(email: EmailStr, background_tasks: BackgroundTasks) -> Notified:
    """FastAPI's own BackgroundTasks: after the response, one after another, unshielded."""
    background_tasks.add_task(log.info, "notification", email=email)
    return Notified(message=f"{email} will be notified")


@router.post("/reports/{name}", status_code=202)
async def order_report(name: str, db: SessionDep, user: OptionalUser, response: Response) -> Queued:
    """Must happen: a job, which survives a crash. Who is signed in may follow the Location.

    There `status` becomes `successful`, and `result` is what the task returned.
    """
    owned = write_report.using(owner=user.id if user else None)
    job = await owned.enqueue(db, name=name)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return Queued(task_id=str(job.id), status="queued")
