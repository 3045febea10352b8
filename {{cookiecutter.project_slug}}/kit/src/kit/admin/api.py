"""The JSON routes: how a job is doing."""

from uuid import UUID

from fastapi import APIRouter, Request

from kit.admin import service
from kit.admin.schemas import JobPublic
from kit.database import SessionDep
from kit.web.openapi import Responses

NOT_SIGNED_IN: Responses = {401: {"description": "No session, or one that has ended"}}
NO_SUCH_JOB: Responses = {404: {"description": "No job of yours has this id"}}

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], responses=NOT_SIGNED_IN | NO_SUCH_JOB)


@router.get("/{job_id}")
async def read_job(request: Request, db: SessionDep, job_id: UUID) -> JobPublic:
    """The state of a job that was made for you: `successful` and `failed` are final."""
    return JobPublic.of(await service.job_of(db, job_id, request.state.user_id))
