"""Enqueues for `manage worker`'s engine with a broker, and runs such a worker.

python brokers_process.py worker
python brokers_process.py throughput 2000   {"enqueued": jobs per second, "all": settled}
python brokers_process.py latency 100       [from COMMIT's return to the task's first line, …], s
python brokers_process.py enqueue 300       [[transactions without a job, …], [with one, …]], s
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator

import uvloop
from kit.database import Session, engine
from kit.logging import configure_logging
from kit.mail.models import MailLog
from kit.settings import settings
from kit.tasks import Job, engines, task
from sqlmodel import col, func, select

WARM_UP = 100
CLIENTS = 10
BATCH = 10
WORKERS = 2
"""As many must answer before the clock starts: one that still imports takes time from the other."""
PAUSE = 0.02


@task(name="benchmarks.noop")
async def noop() -> None:
    """Nothing."""


@task(name="benchmarks.clock")
async def clock() -> float:
    return time.time()


async def throughput(jobs: int) -> dict[str, float]:
    from kit.tasks.adapters.celery import celery_app

    while len(await asyncio.to_thread(celery_app.control.ping, timeout=1)) < WORKERS:
        pass
    await _run(WARM_UP)
    return await _run(jobs)


async def _run(jobs: int) -> dict[str, float]:
    began = time.perf_counter()
    numbers = iter(range(jobs // BATCH))
    await asyncio.gather(*(_enqueue(numbers) for _ in range(CLIENTS)))
    enqueued = time.perf_counter() - began
    while await _unfinished():
        await asyncio.sleep(0.01)
    return {"enqueued": jobs / enqueued, "all": jobs / (time.perf_counter() - began)}


async def _enqueue(numbers: Iterator[int]) -> None:
    for _ in numbers:
        async with Session() as session:
            for _ in range(BATCH):
                await noop.enqueue(session)
            await session.commit()


async def _unfinished() -> int:
    async with Session() as session:
        count = select(func.count()).where(col(Job.finished_at).is_(None))
        return (await session.exec(count)).one()


async def latency(samples: int) -> list[float]:
    seconds = []
    for _ in range(samples):
        async with Session() as session:
            job = await clock.enqueue(session)
            await session.commit()
            committed = time.time()
        while await _unfinished():
            await asyncio.sleep(PAUSE)
        async with Session() as session:
            started = (await session.get_one(Job, job.id)).result
        seconds.append(started - committed)
    return seconds[samples // 10 :]


async def enqueue(samples: int) -> tuple[list[float], list[float]]:
    """Turn by turn, so that a disturbance meets both; each has the process to itself."""
    plain: list[float] = []
    with_job: list[float] = []
    for _ in range(samples):
        for seconds, is_with_job in ((plain, False), (with_job, True)):
            seconds.append(await _transaction(with_a_job=is_with_job))
            await asyncio.sleep(PAUSE)  # the publisher sends its message
    return plain[samples // 10 :], with_job[samples // 10 :]


async def _transaction(*, with_a_job: bool) -> float:
    async with Session() as session:
        began = time.perf_counter()
        session.add(MailLog(recipient="", email="", message_id="", outcome="", answer=""))
        if with_a_job:
            await noop.enqueue(session)
        await session.commit()
        return time.perf_counter() - began


async def main(what: str, count: str) -> None:
    configure_logging()
    await engines.current().start()
    functions = {"throughput": throughput, "latency": latency, "enqueue": enqueue}
    print(json.dumps(await functions[what](int(count))))
    await engines.current().stop()
    await engine.dispose()


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        configure_logging()
        engines.current().work(concurrency=settings.tasks_concurrency)
    else:
        uvloop.run(main(*sys.argv[1:]))
