"""A task: a function with typed arguments, run at least once after COMMIT."""

import structlog

from app.tasks import task

log = structlog.get_logger(__name__)


@task
async def write_report(name: str) -> None:
    log.info("report written", name=name)
