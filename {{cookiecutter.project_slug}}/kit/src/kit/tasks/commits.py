"""Tells the engine what a COMMIT made runnable."""

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from kit.logging import get_logger
from kit.tasks import engines, listening
from kit.tasks.announcements import JobRef
from kit.tasks.models import Job

log = get_logger(__name__)


def announce(db: Session, job: Job) -> None:
    """Remember to tell the engine of `job` once the transaction of `db` is committed."""
    ref = JobRef(job.id, job.task, job.queue, -job.rank, job.run_after)
    db.info.setdefault("jobs", []).append(ref)


@event.listens_for(Session, "before_commit")
def _wake_workers_elsewhere(db: Session) -> None:
    if "jobs" not in db.info or db.in_nested_transaction():
        return
    if listening.POSSIBLE and not engines.current().brokered:
        db.connection().execute(listening.NOTIFY)


@event.listens_for(Session, "after_commit")
def _tell_the_engine(db: Session) -> None:
    """Only a hint: the sweep finds in the table what is lost here."""
    if db.in_nested_transaction() or "jobs" not in db.info:
        return
    jobs: list[JobRef] = db.info.pop("jobs")
    try:
        engines.current().committed(jobs)
    except Exception:
        log.exception("could not tell the engine of new jobs; the sweep will find them")


@event.listens_for(Session, "after_soft_rollback")
def _forget(db: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        db.info.pop("jobs", None)
