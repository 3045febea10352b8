"""A task: a function with typed arguments, run at least once after COMMIT."""

from kit.logging import get_logger
from kit.tasks import task

log = get_logger(__name__)


@task
async def write_report(name: str) -> str:
    """Write a report. The return value is kept with the job, for the user who asked."""
    log.info("report written", name=name)
    return f"The report on {name}"
