"""/admin/jobs: find jobs, see how they ended, retry and cancel."""

from collections.abc import Awaitable
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, BeforeValidator
from starlette.responses import Response

from kit.admin.rendering import admin_page
from kit.admin.schemas import SearchText
from kit.database import SessionDep
from kit.tasks import Job, JobStatus, service
from kit.web.flashing import flash
from kit.web.forms import see_other

router = APIRouter(prefix="/admin/jobs", include_in_schema=False)

PAGE = 50


class JobSearch(BaseModel):
    """What the form above the list asks for; an empty box asks for nothing."""

    status: Annotated[JobStatus | None, BeforeValidator(lambda value: value or None)] = None
    task: SearchText = ""
    queue: SearchText = ""
    text: SearchText = ""
    before: UUID | None = None
    """The last job of the page before this one."""

    def link(self, *, before: Job | None = None) -> str:
        """The newest jobs of this search, or those that are older than one."""
        asked = self.model_dump(mode="json", exclude_defaults=True, exclude={"before"})
        if before:
            asked["before"] = str(before.id)
        return f"/admin/jobs?{urlencode(asked)}"


@router.get("")
async def show_jobs(
    request: Request, db: SessionDep, search: Annotated[JobSearch, Query()]
) -> Response:
    found = await service.list_jobs(
        db,
        status=search.status,
        task=search.task or None,
        queue=search.queue or None,
        text=search.text or None,
        before=search.before,
        limit=PAGE + 1,
    )
    jobs = found[:PAGE]
    return admin_page(
        request,
        "admin/jobs.html",
        search=search,
        statuses=list(JobStatus),
        jobs=jobs,
        newest=search.link(),
        older=search.link(before=jobs[-1]) if len(found) > PAGE else None,
    )


@router.get("/{job_id}")
async def show_job(request: Request, db: SessionDep, job_id: UUID) -> Response:
    job = await service.get_job(db, job_id)
    return admin_page(request, "admin/job.html", job=job)


@router.post("/{job_id}/retry")
async def retry_job(db: SessionDep, job_id: UUID) -> Response:
    changing = service.retry_job(db, job_id)
    return await _back_to(job_id, changing, "The job is ready to run again.")


@router.post("/{job_id}/cancel")
async def cancel_job(db: SessionDep, job_id: UUID) -> Response:
    changing = service.cancel_job(db, job_id)
    return await _back_to(job_id, changing, "The job is cancelled.")


async def _back_to(job_id: UUID, changing: Awaitable[Job], done: str) -> Response:
    """The job's page again; it says so if the job has moved on since it was shown."""
    response = see_other(f"/admin/jobs/{job_id}")
    try:
        await changing
    except service.JobInWrongState as error:
        flash(response, error.detail, "error")
    else:
        flash(response, done)
    return response
