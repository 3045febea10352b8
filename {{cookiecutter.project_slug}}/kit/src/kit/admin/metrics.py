"""What `/metrics` tells Prometheus, read from the tables at each scrape.

So the figures are the same whichever web process answers, whatever runs the jobs, and after any
restart. They are gauges: jobs that are pruned leave them. docs/runbook.md says what to watch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.exposition import generate_latest
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.database import utcnow
from kit.mail.log import count_outcomes
from kit.mail.models import MailOutcome
from kit.tasks import statistics
from kit.tasks.definition import all_tasks
from kit.tasks.statistics import Count, Durations, QueueState

__all__ = ["CONTENT_TYPE", "render"]

LATELY = timedelta(minutes=5)
"""Durations and mails are those of this time: several scrapes long, and few rows."""
LIMITS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""The upper ends of the histogram's buckets, in seconds."""


async def render(db: AsyncSession) -> bytes:
    """The figures in Prometheus' text format."""
    limits = [timedelta(seconds=limit) for limit in LIMITS]
    since = utcnow() - LATELY
    return generate_latest(
        Snapshot(
            jobs=await statistics.count_jobs(db),
            queues={state.name: state for state in await statistics.queue_states(db)},
            durations=await statistics.durations(db, since=since, limits=limits),
            mails=await count_outcomes(db, since=since),
        )
    )


@dataclass(frozen=True)
class Snapshot:
    """All figures of one moment; what prometheus_client calls a collector."""

    jobs: Sequence[Count]
    queues: Mapping[str, QueueState]
    durations: Sequence[Durations]
    mails: Sequence[tuple[str, MailOutcome, int]]

    def collect(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily("jobs", "Jobs in the table", labels=["task", "status"])
        for count in self.jobs:
            jobs.add_metric([count.task, count.status], count.jobs)
        yield jobs
        yield from self._of_queues()
        yield self._durations()
        mails = GaugeMetricFamily(
            "mails", f"Tries to send in the last {LATELY.seconds} s", labels=["email", "outcome"]
        )
        for email, outcome, tries in self.mails:
            mails.add_metric([email, outcome], tries)
        yield mails

    def _of_queues(self) -> Iterator[Metric]:
        due = GaugeMetricFamily("job_queue_due", "Jobs that could run now", labels=["queue"])
        lag = GaugeMetricFamily(
            "job_queue_lag_seconds", "How long the oldest due job has waited", labels=["queue"]
        )
        # A queue in which nothing waits has a lag of zero, rather than none.
        for name in sorted({task.queue for task in all_tasks()} | set(self.queues)):
            state = self.queues.get(name)
            due.add_metric([name], state.due if state else 0)
            lag.add_metric([name], state.lag.total_seconds() if state else 0)
        yield due
        yield lag

    def _durations(self) -> Metric:
        took = GaugeHistogramMetricFamily(
            "job_duration_seconds",
            f"Last attempts of jobs finished in the last {LATELY.seconds} s",
            labels=["task"],
        )
        for task in self.durations:
            buckets = [*zip(map(str, LIMITS), task.within, strict=True), ("+Inf", task.jobs)]
            took.add_metric([task.task], buckets, task.total.total_seconds())
        return took
