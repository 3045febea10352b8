"""A Django project with one no-op task, kept by django-tasks-db; needs no more than its packages.

python peers_django.py postgresql://… migrate
python peers_django.py postgresql://… db_worker …    the worker that django-tasks-db brings
python peers_django.py postgresql://… measure 10 1000   [jobs per second, …], one per round, by ten
                                                        such workers, which have to run meanwhile
"""

import json
import sys
from time import sleep

import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

ROUNDS = 3
WARM_UP = 100

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": (url := conninfo_to_dict(sys.argv[1]))["dbname"],
            "OPTIONS": {name: value for name, value in url.items() if name != "dbname"},
            "CONN_MAX_AGE": None,  # else the worker connects anew for each job
        }
    },
    INSTALLED_APPS=["django_tasks_db"],
    TASKS={"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}},
    USE_TZ=True,
)
django.setup()

from django.core.management import execute_from_command_line  # noqa: E402 - wants the settings
from django.db import transaction  # noqa: E402
from django.db.models import Max, Min, QuerySet  # noqa: E402
from django.utils import timezone  # noqa: E402
from django_tasks import task  # noqa: E402
from django_tasks_db.models import DBTaskResult  # noqa: E402


@task()
def nothing() -> None:
    """As ours does."""


def measure(workers: int, jobs: int) -> list[float]:
    seen: set[str] = set()
    while len(seen) < workers:  # each needs a while to start
        seen.update(ids[0] for ids in _work_off(WARM_UP).values_list("worker_ids", flat=True))
    return [jobs / _seconds(_work_off(jobs)) for _ in range(ROUNDS)]


def _work_off(jobs: int) -> QuerySet[DBTaskResult]:
    """They become visible all at once."""
    began = timezone.now()
    with transaction.atomic():
        for _ in range(jobs):
            nothing.enqueue()
    results = DBTaskResult.objects.filter(enqueued_at__gte=began)
    while results.successful().count() < jobs:
        sleep(0.05)
    return results


def _seconds(results: QuerySet[DBTaskResult]) -> float:
    """From the first start to the last end, by the workers' own clock."""
    ends = results.aggregate(first=Min("started_at"), last=Max("finished_at"))
    return float((ends["last"] - ends["first"]).total_seconds())


if __name__ == "__main__":
    sys.modules["peers_django"] = sys.modules["__main__"]  # workers import the task by that name
    if sys.argv[2] == "measure":
        print(json.dumps(measure(*map(int, sys.argv[3:]))))
    else:
        execute_from_command_line([sys.argv[0], *sys.argv[2:]])
