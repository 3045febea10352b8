"""A task: a function with typed arguments, run at least once after COMMIT."""

from app.logging import get_logger
from app.tasks import task

log = get_logger(__name__)


@task
async def write_report(name: str) -> None:
    log.info("report written", name=name)
