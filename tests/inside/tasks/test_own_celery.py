"""What `app/celery.py` sets counts in every process: where jobs are published, and in workers."""

import os
import shutil
from pathlib import Path

import pytest
from kit import discovery
from kit.testing import Finished
from kit.testing.forked import manage_code, python

pytest.importorskip("celery")

OWN = """
import os

from celery.signals import celeryd_after_setup
from kit.celery import celery_app as app

app.conf.update(broker_url="memory://", worker_prefetch_multiplier=7)


@celeryd_after_setup.connect
def report_and_end(instance, **_):
    print("prefetch multiplier:", instance.prefetch_multiplier, flush=True)
    os._exit(0)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose `app/celery.py` configures Celery."""
    shutil.copytree(discovery.root(), tmp_path / "app")
    shutil.copytree(discovery.root().parent / "migrations", tmp_path / "migrations")
    (tmp_path / "app" / "celery.py").write_text(OWN)
    return tmp_path


def run(code: str, project: Path) -> Finished:
    broker = {"TASKS_ENGINE": "celery", "BROKER_URL": "redis://127.0.0.1:1"}
    return python(code, os.environ | broker, folder=project)


def test_jobs_are_published_as_the_project_configures_it(project: Path) -> None:
    script = """
from uuid import uuid4
from kit.database import utcnow
from kit.tasks import engines
from kit.tasks.announcements import JobRef
from kit.tasks.tasks import prune_finished_jobs

engine = engines.current()
job = JobRef(uuid4(), prune_finished_jobs.name, "default", 0, utcnow())
engine.committed([job])
engine._publisher.close()

from kombu import Connection
with Connection("memory://").SimpleQueue("default") as queue:
    print(queue.get_nowait().headers["id"] == str(job.id))
"""
    done = run(script, project)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize(
    "code",
    [
        manage_code("worker", "--concurrency", "1"),
        "import sys; sys.argv = ['celery', '-A', 'app', 'worker', '--pool', 'solo'];"
        "from celery.__main__ import main; main()",
    ],
    ids=["manage worker", "celery -A app worker"],
)
def test_a_worker_runs_as_the_project_configures_it(code: str, project: Path) -> None:
    done = run(code, project)
    assert "prefetch multiplier: 7\n" in done.stdout, done.stderr


def test_a_mistake_in_it_stops_the_start_with_its_path(project: Path) -> None:
    (project / "app" / "celery.py").write_text("\nraise KeyError('a mistake')\n")
    done = run(manage_code("worker"), project)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "app/celery.py, line 2: KeyError: 'a mistake'"
