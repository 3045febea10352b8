"""Celery with Redis, as its first steps show it: `.delay()` in a loop, a worker with two processes.

python brokers_bare.py 2000   {"enqueued": messages per second, "all": executed tasks per second}
"""

import json
import os
import sys
from time import perf_counter, sleep

from celery import Celery
from redis import Redis

WARM_UP = 100
ID = "7e2cf2f0-0000-4000-8000-000000000000"

app = Celery("brokers_bare", broker=os.environ["BROKER_URL"])
app.conf.task_ignore_result = True


@app.task(name="benchmarks.noop")
def noop(job_id: str) -> None:
    """Nothing."""


def run(tasks: int) -> dict[str, float]:
    began = perf_counter()
    for _ in range(tasks):
        noop.delay(ID)
    enqueued = perf_counter() - began
    broker = Redis.from_url(os.environ["BROKER_URL"])
    while broker.llen("celery") or broker.hlen("unacked"):
        sleep(0.005)
    return {"enqueued": tasks / enqueued, "all": tasks / (perf_counter() - began)}


if __name__ == "__main__":
    run(WARM_UP)
    print(json.dumps(run(int(sys.argv[1]))))
