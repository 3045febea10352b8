"""The e-mails to administrators."""

from typing import Self

from pydantic import BaseModel, ConfigDict

from kit.mail import Email
from kit.settings import settings


class FailedTask(BaseModel):
    """One line of the digest: a task, how many of its jobs failed, and what the last one said."""

    model_config = ConfigDict(frozen=True)

    task: str
    jobs: int
    error: str


class FailedJobsDigestEmail(Email):
    """What failed since yesterday. There is none on a day on which nothing failed."""

    template = "failed_jobs_digest"
    subject = "{jobs} failed at {project_name}"

    jobs: str
    """`1 job` or `12 jobs`, for the subject."""
    tasks: list[FailedTask]
    link: str = f"{settings.base_url}/admin/jobs?status=failed"

    @classmethod
    def sample(cls) -> Self:
        welcome = FailedTask(
            task="app.accounts.tasks.send_welcome_email",
            jobs=11,
            error="kit.mail.errors.PermanentMailError: 550 5.1.1 No such mailbox",
        )
        prune = FailedTask(task="kit.tasks.tasks.prune_finished_jobs", jobs=1, error="TimeoutError")
        return cls(to="root@example.com", jobs="12 jobs", tasks=[welcome, prune])
