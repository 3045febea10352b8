"""Times the worker from inside its process, on uvloop as `manage serve` runs it.

python jobs_process.py latency 200       [[from asking for COMMIT, from its return], …], seconds
python jobs_process.py throughput 6000   [jobs per second, …], one per round
"""

import asyncio
import json
import sys
from time import perf_counter

import uvloop
from sqlalchemy import func
from sqlmodel import col, select

from app.database import Session, engine
from app.logging import configure_logging
from app.tasks import Job, JobStatus, engines, task
from app.tasks.worker import Worker

BATCH = 500
ROUNDS = 3
PAUSE = 0.02
"""Seconds after which the worker is idle again."""

begun: "asyncio.Queue[float]" = asyncio.Queue()
left = 0
all_run = asyncio.Event()


@task(name="benchmarks.begin")
async def begin() -> None:
    begun.put_nowait(perf_counter())


@task(name="benchmarks.count_down")
async def count_down() -> None:
    """Nothing, but for noticing that it was the last one."""
    global left
    left -= 1
    if left == 0:
        all_run.set()


async def latency(samples: int) -> list[tuple[float, float]]:
    worker = engines.current()
    await worker.start()
    seconds = []
    for _ in range(samples):
        await asyncio.sleep(PAUSE)
        async with Session() as session:
            await begin.enqueue(session)
            asked = perf_counter()
            await session.commit()
            returned = perf_counter()
        start = await begun.get()
        seconds.append((start - asked, start - returned))
    await worker.stop()
    return seconds[len(seconds) // 10 :]  # the first ones compile statements


async def throughput(jobs: int) -> list[float]:
    """Everything is in the table before the clock starts; it stops when all is settled there."""
    await _work_off(BATCH)  # warm-up
    return [jobs / await _work_off(jobs) for _ in range(ROUNDS)]


async def _work_off(jobs: int) -> float:
    global left
    for _ in range(jobs // BATCH):
        async with Session() as session:
            for _ in range(BATCH):
                await count_down.enqueue(session)
            await session.commit()
    left = jobs
    all_run.clear()
    before = await _successful()
    worker = Worker(concurrency=10)
    began = perf_counter()
    running = asyncio.create_task(worker.run())
    await all_run.wait()
    worker.stop()
    await running
    seconds = perf_counter() - began
    if (done := await _successful() - before) != jobs:
        raise RuntimeError(f"{done} of {jobs} jobs were successful")
    return seconds


async def _successful() -> int:
    async with Session() as session:
        count = select(func.count()).where(col(Job.status) == JobStatus.SUCCESSFUL)
        return (await session.exec(count)).one()


async def main(what: str, count: str) -> None:
    configure_logging()
    measured = await {"latency": latency, "throughput": throughput}[what](int(count))
    await engine.dispose()
    print(json.dumps(measured))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
