"""Times the worker from inside its process, on uvloop as `manage serve` runs it.

python jobs_process.py latency 200       [[from asking for COMMIT, from its return], …], seconds
python jobs_process.py throughput 6000   [jobs per second, …], one per round
python jobs_process.py beside 1000000    [[…] in an empty table, […] beside so many finished jobs]
"""

import asyncio
import json
import sys
from time import perf_counter

import uvloop
from sqlalchemy import func, insert, text
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


async def beside(finished: int) -> list[list[float]]:
    """How the same jobs do before and after the table has filled with finished ones."""
    alone = await throughput(2000)
    await _fill(finished)
    return [alone, [2000 / await _work_off(2000) for _ in range(ROUNDS)]]


async def _fill(finished: int) -> None:
    """Copy the jobs that are there until there are so many, and let PostgreSQL tidy up."""
    postgresql = engine.dialect.name == "postgresql"
    id_ = func.gen_random_uuid() if postgresql else func.lower(func.hex(func.randomblob(16)))
    others = [column for column in Job.__table__.columns if column.name not in {"id", "key"}]
    names = ["id", *(column.name for column in others)]
    while (missing := finished - await _successful()) > 0:
        copies = select(id_, *others).limit(missing)
        async with engine.begin() as connection:
            statement = insert(Job).from_select(names, copies, include_defaults=False)
            await connection.execute(statement)
    if postgresql:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("VACUUM ANALYZE jobs"))


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
    figures = {"latency": latency, "throughput": throughput, "beside": beside}
    measured = await figures[what](int(count))  # type: ignore[operator]
    await engine.dispose()
    print(json.dumps(measured))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
