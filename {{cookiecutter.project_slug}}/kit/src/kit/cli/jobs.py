"""`manage jobs`: the job table from the command line."""

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import typer

from kit.cli.running import run

if TYPE_CHECKING:
    from sqlmodel.ext.asyncio.session import AsyncSession

    from kit.tasks.models import Job
    from kit.tasks.statistics import Count, QueueState

Status = Literal["ready", "running", "successful", "failed"]
JobId = Annotated[UUID, typer.Argument(help="The job's id, as `list` shows it.")]
TaskName = Annotated[
    str | None, typer.Option("--task", help="Only jobs of this task (the end of its name will do).")
]

QueueName = Annotated[str | None, typer.Option("--queue", help="Only jobs of this queue.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON, times in ISO 8601.")]

jobs = typer.Typer(no_args_is_help=True, help="See, retry, cancel and prune background jobs.")


@jobs.command("list")
def list_(
    status: Annotated[Status | None, typer.Option(help="Only jobs in this state.")] = None,
    task: TaskName = None,
    queue: QueueName = None,
    text: Annotated[
        str | None, typer.Option(help="Only with this in arguments, error or request id.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="How many, the newest first.")
    ] = 50,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first."""
    from kit.tasks import service
    from kit.tasks.models import JobStatus

    wanted = JobStatus(status) if status else None
    found = run(
        lambda s: service.list_jobs(
            s, status=wanted, task=task, queue=queue, text=text, limit=limit
        )
    )
    if as_json:
        typer.echo(json.dumps([_as_json(job) for job in found], indent=2))
        return
    if found:  # beside the output, whose lines are jobs and nothing else
        header = f"{'id':<36}  {'status':<10}  {'tries':>5}  {'due':<20}  task"
        typer.echo(header, err=True)
    for job in found:
        tries = f"{job.attempts}/{job.max_attempts}"
        typer.echo(f"{job.id}  {job.status:<10}  {tries:>5}  {_time(job.run_after)}  {job.task}")
    if not found:
        typer.echo("No jobs.", err=True)


@jobs.command()
def show(job_id: JobId, as_json: AsJson = False) -> None:
    """Show one job whole: arguments, attempts, times, result, error; no secrets."""
    from kit.tasks import service

    job = run(lambda s: service.get_job(s, job_id))
    if as_json:
        typer.echo(json.dumps(_as_json(job), indent=2))
        return
    for name, value in _described(job).items():
        typer.echo(f"{name:<17}{value}")
    if job.error:
        from kit.tasks.redaction import redacted

        typer.echo(f"\n{_printable(redacted(job.error.rstrip()))}")


@jobs.command()
def stats(as_json: AsJson = False) -> None:
    """Say how the queues do: what is due, how late it is, and how many jobs of each task failed."""
    from kit.tasks import statistics

    async def read(db: "AsyncSession") -> "tuple[list[QueueState], list[Count]]":
        return await statistics.queue_states(db), await statistics.count_jobs(db)

    queues, counts = run(read)
    if as_json:
        late = [{**asdict(queue), "lag": queue.lag.total_seconds()} for queue in queues]
        tasks = [asdict(count) for count in counts]
        typer.echo(json.dumps({"queues": late, "tasks": tasks}, indent=2, default=str))
        return
    typer.echo(f"{'queue':<20}{'due':>9}{'running':>9}{'later':>9}  oldest due")
    for queue in queues:
        lag = f"{queue.lag.total_seconds():.0f} s" if queue.due else "-"
        typer.echo(f"{queue.name:<20}{queue.due:>9}{queue.running:>9}{queue.later:>9}  {lag}")
    typer.echo(f"\n{'jobs':>9}  {'status':<12}task")
    for count in counts:
        typer.echo(f"{count.jobs:>9}  {count.status:<12}{count.task}")


@jobs.command()
def schedules() -> None:
    """List the periodic tasks, and when each is due next."""
    from kit.database import utcnow
    from kit.tasks import schedule

    try:
        found = [one.checked() for one in schedule.schedules()]
    except ValueError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    for one in sorted(found, key=lambda one: one.next_after(utcnow())):
        typer.echo(f"{_time(one.next_after(utcnow()))}  {one!s:<34}  {one.task.name}")


@jobs.command()
def retry(
    job_id: Annotated[UUID | None, typer.Argument(help="The job's id.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All failed jobs.")] = False,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="All jobs that wait for another attempt.")
    ] = False,
    task: TaskName = None,
    queue: QueueName = None,
) -> None:
    """Run a failed job again, or a waiting one now; with all its attempts."""
    from kit.tasks import service

    if (job_id is not None) + failed + waiting != 1:
        raise typer.BadParameter("give either the id of a job, or --failed, or --waiting")
    if job_id and (task or queue):
        raise typer.BadParameter("--task and --queue go with --failed or --waiting")
    if job_id:
        run(lambda s: service.retry_job(s, job_id))
        typer.echo(f"{job_id} is ready.")
    else:
        count = run(lambda s: service.retry_jobs(s, waiting=waiting, task=task, queue=queue))
        typer.echo(f"Ready: {count}.")


@jobs.command()
def announce() -> None:
    """Have the scheduler tell the broker of all due jobs at once: it may have lost its queues."""
    from kit.tasks import service

    typer.echo(f"To be announced: {run(service.announce_jobs)}.")


@jobs.command()
def cancel(job_id: JobId) -> None:
    """End a job that has not finished; it counts as failed."""
    from kit.tasks import service

    run(lambda s: service.cancel_job(s, job_id))
    typer.echo(f"{job_id} is cancelled.")


@jobs.command()
def prune(
    days: Annotated[
        float, typer.Option(min=0, max=36_500, help="Only what finished this long ago.")
    ] = 7,
    failed: Annotated[bool, typer.Option("--failed", help="Failed jobs as well.")] = False,
) -> None:
    """Delete finished jobs."""
    from kit.tasks import service
    from kit.tasks.models import JobStatus

    statuses = [JobStatus.SUCCESSFUL, *([JobStatus.FAILED] if failed else [])]
    age = timedelta(days=days)
    count = run(lambda s: service.prune_jobs(s, older_than=age, statuses=statuses))
    typer.echo(f"Deleted: {count}.")


def _as_json(job: "Job") -> dict[str, object]:
    from kit.tasks.redaction import redacted

    values: dict[str, object] = redacted(job.model_dump(mode="json", exclude={"rank"}))
    return {**values, "priority": -job.rank}


def _described(job: "Job") -> dict[str, object]:
    times = {
        name.replace("_", " "): _time(value) if value else "-"
        for name, value in {
            "created_at": job.created_at,
            "run_after": job.run_after,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
            "lease_expires_at": job.lease_expires_at,
        }.items()
    }
    from kit.tasks.redaction import redacted

    return {
        "id": job.id,
        "task": job.task,
        "arguments": json.dumps(redacted(job.arguments)),
        "result": json.dumps(redacted(job.result)),
        "queue": job.queue,
        "priority": -job.rank,
        "status": job.status,
        "attempts": f"{job.attempts} of {job.max_attempts}",
        **times,
        "worker": job.worker or "-",
        "request id": job.request_id or "-",
    }


def _printable(text: str) -> str:
    """The text without what a terminal would obey: a mail server's answer may hold anything."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def _time(value: datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%SZ")
