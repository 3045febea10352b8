"""How many no-op jobs procrastinate runs in a second, 10 at a time; needs only its package.

python peers_procrastinate.py postgresql://… 2000    [jobs per second, …], one per round
"""

import asyncio
import json
import sys
from time import perf_counter

from procrastinate import App, PsycopgConnector

ROUNDS = 3

app = App(connector=PsycopgConnector(conninfo=sys.argv[1]))


@app.task
async def nothing() -> None:
    """As ours does."""


async def main(jobs: int) -> list[float]:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await _work_off(100)  # warm-up
        return [jobs / await _work_off(jobs) for _ in range(ROUNDS)]


async def _work_off(jobs: int) -> float:
    """Everything is in the table before the clock starts; the worker ends when it is empty."""
    await nothing.batch_defer_async(*({} for _ in range(jobs)))
    began = perf_counter()
    await app.run_worker_async(concurrency=10, wait=False, install_signal_handlers=False)
    return perf_counter() - began


print(json.dumps(asyncio.run(main(int(sys.argv[2])))))
