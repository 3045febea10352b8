"""Whoever commits never waits for a broker; what the broker does not take waits for it."""

import os
from collections.abc import Sequence
from threading import Event, get_ident

import pytest
from kit.tasks.announcements import JobRef
from kit.tasks.broker import publisher
from kit.tasks.broker.publisher import Publisher
from kit.testing import until
from kit.testing.forked import python

from inside.tasks.jobs import job_ref


async def test_jobs_are_published_in_order_by_another_thread() -> None:
    published: list[JobRef] = []
    threads: set[int] = set()

    def publish(jobs: Sequence[JobRef]) -> None:
        published.extend(jobs)
        threads.add(get_ident())

    submitted = [job_ref() for _ in range(3)]
    Publisher(publish).submit(submitted)
    await until(lambda: published == submitted)
    assert threads != {get_ident()}


async def test_jobs_that_wait_together_are_published_together() -> None:
    published: list[Sequence[JobRef]] = []
    free = Event()

    def publish(jobs: Sequence[JobRef]) -> None:
        published.append(jobs)
        free.wait()

    first, *others = [job_ref() for _ in range(publisher.BATCH + 10)]
    busy = Publisher(publish)
    busy.submit([first])
    await until(lambda: len(published) == 1)
    busy.submit(others)
    free.set()
    await until(lambda: len(published) == 3)
    assert published == [[first], others[: publisher.BATCH], others[publisher.BATCH :]]


async def test_a_silent_broker_holds_up_nobody() -> None:
    silent = Event()

    def publish(_: Sequence[JobRef]) -> None:
        silent.wait()

    hanging = Publisher(publish)
    hanging.submit([job_ref() for _ in range(publisher.ROOM + 10)])
    hanging.close()  # pytest's timeout is the proof
    silent.set()


async def test_a_broker_that_comes_back_gets_what_it_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher, "PAUSE", publisher.PAUSE / 1000)
    tried: list[JobRef] = []
    published: list[JobRef] = []

    def publish(jobs: Sequence[JobRef]) -> None:
        tried.extend(jobs)
        if len(tried) < 10:
            raise ConnectionRefusedError("nobody there")
        published.extend(jobs)

    submitted = [job_ref() for _ in range(4)]
    Publisher(publish).submit(submitted)
    await until(lambda: len(published) == 4)
    assert set(published) == set(submitted)


async def test_a_message_that_is_always_refused_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher, "PAUSE", publisher.PAUSE / 1000)
    published: list[JobRef] = []

    def publish(jobs: Sequence[JobRef]) -> None:
        if refused in jobs:
            raise ValueError("it can't be encoded")
        published.extend(jobs)

    refused, *others = submitted = [job_ref() for _ in range(3)]
    Publisher(publish).submit(submitted)
    await until(lambda: published == others)


def test_the_last_messages_of_a_process_are_still_published() -> None:
    script = """
import time
from kit.tasks.broker.publisher import Publisher
from inside.tasks.jobs import job_ref
def publish(jobs):
    time.sleep(0.005)
    print("published\\n" * len(jobs), end="", flush=True)
Publisher(publish).submit([job_ref(), job_ref()])
"""
    assert python(script, dict(os.environ)).stdout == "published\n" * 2


def test_the_end_of_a_process_waits_for_a_publisher_that_prepares() -> None:
    script = """
import time
from kit.tasks.broker.publisher import LAST_WORDS, Publisher
from inside.tasks.jobs import job_ref
def publish(jobs):
    print("published", flush=True)
def prepare():
    time.sleep(3 * LAST_WORDS.total_seconds())
Publisher(publish, prepare).submit([job_ref()])
"""
    assert python(script, dict(os.environ)).stdout == "published\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_fork_publishes_with_a_thread_of_its_own() -> None:
    script = """
import os
from kit.tasks.broker.publisher import Publisher
from inside.tasks.jobs import job_ref
publisher = Publisher(lambda jobs: print(os.getpid(), flush=True))
publisher.submit([job_ref()])
publisher.close()
if child := os.fork():
    os.waitpid(child, 0)
    print(os.getpid(), child)
else:
    publisher.submit([job_ref()])
    publisher.close()
    os._exit(0)
"""
    *published, pids = python(script, dict(os.environ)).stdout.splitlines()
    assert published == pids.split()
