"""Tells the engine what a COMMIT made runnable."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from app.logging import get_logger
from app.tasks import engines, listening
from app.tasks.models import Job

log = get_logger(__name__)


@dataclass(frozen=True)
class JobRef:
    """What an engine needs to know of a job: never its arguments."""

    id: UUID
    task: str
    queue: str
    priority: int
    run_after: datetime


def announce(session: Session, job: Job) -> None:
    """Remember to tell the engine of `job` once the transaction of `session` is committed."""
    ref = JobRef(job.id, job.task, job.queue, -job.rank, job.run_after)
    session.info.setdefault("jobs", []).append(ref)


@event.listens_for(Session, "before_commit")
def _wake_workers_elsewhere(session: Session) -> None:
    if "jobs" not in session.info or session.in_nested_transaction():
        return
    if listening.POSSIBLE and not engines.current().brokered:
        session.connection().execute(listening.NOTIFY)


@event.listens_for(Session, "after_commit")
def _tell_the_engine(session: Session) -> None:
    """A hint, no more: what is lost here is found in the table."""
    if session.in_nested_transaction() or "jobs" not in session.info:
        return
    jobs: list[JobRef] = session.info.pop("jobs")
    try:
        engines.current().committed(jobs)
    except Exception:
        log.exception("could not tell the engine of new jobs; the sweep will find them")


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop("jobs", None)
