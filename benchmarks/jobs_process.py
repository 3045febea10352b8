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
from kit.database import Session, engine
from kit.logging import configure_logging
from kit.tasks import Job, JobStatus, engines, task
from kit.tasks.worker.worker import Worker
from sqlalchemy import delete, func, insert, text
from sqlmodel import col, select

BATCH = 500
ROUNDS = 3
FEW = 2000
"""Jobs in a round beside many."""
PAUSE = 0.02
"""Seconds after which the worker is idle again."""
POSTGRESQL = engine.dialect.name == "postgresql"
SQLITE_CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)"

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
    """The same jobs in an empty table, beside so many finished ones, and in an empty table again.

    Twice, for the machine may become slower or faster meanwhile.
    """
    alone = await throughput(FEW)
    await _fill(finished)
    crowded = await throughput(FEW)
    await _empty()
    return [alone + await throughput(FEW), crowded]


async def _fill(finished: int) -> None:
    """Copy the jobs that are there until there are so many, and let the database tidy up."""
    id_ = func.gen_random_uuid() if POSTGRESQL else func.lower(func.hex(func.randomblob(16)))
    others = [column for column in Job.__table__.columns if column.name not in {"id", "key"}]
    names = ["id", *(column.name for column in others)]
    while (missing := finished - await _successful()) > 0:
        copies = select(id_, *others).limit(missing)
        async with engine.begin() as connection:
            statement = insert(Job).from_select(names, copies, include_defaults=False)
            await connection.execute(statement)
    await _tidy_up()


async def _empty() -> None:
    async with engine.begin() as connection:
        await connection.execute(delete(Job))
    await _tidy_up()


async def _tidy_up() -> None:
    """What databases do by themselves in time, and may not do while the clock runs.

    No statistics for SQLite: in production it has none either.
    """
    tidying = ["VACUUM ANALYZE jobs", "CHECKPOINT"] if POSTGRESQL else [SQLITE_CHECKPOINT]
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in tidying:
            await connection.execute(text(statement))


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
