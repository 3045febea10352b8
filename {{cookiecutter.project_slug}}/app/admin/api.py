"""The JSON routes: how a job is doing."""

from uuid import UUID

from fastapi import APIRouter

from app.accounts.api import NOT_SIGNED_IN, Responses
from app.accounts.dependencies import CurrentUser
from app.admin import service
from app.admin.schemas import JobPublic
from app.database import SessionDep

NO_SUCH_JOB: Responses = {404: {"description": "No job of yours has this id"}}

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], responses=NOT_SIGNED_IN | NO_SUCH_JOB)


@router.get("/{job_id}")
async def read_job(session: SessionDep, user: CurrentUser, job_id: UUID) -> JobPublic:
    """The state of a job that was made for you: `successful` and `failed` are final."""
    return JobPublic.of(await service.job_for(session, job_id, user))
