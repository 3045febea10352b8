"""An application with work beside its requests, for tests that stop a real server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import uvicorn
from fastapi import FastAPI
from kit.tasks.background import Background, BackgroundMiddleware, BackgroundRunner

from inside.tasks.jobs import write


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.background = BackgroundRunner()
    yield
    await app.state.background.stop(timedelta(seconds=20))


app = FastAPI(lifespan=lifespan)
app.add_middleware(BackgroundMiddleware)


async def sleepy(name: str) -> None:
    write(app.state.log, f"{name} begun")
    await asyncio.sleep(1)
    write(app.state.log, f"{name} finished")


def sleepy_thread(name: str) -> None:
    write(app.state.log, f"{name} begun")
    time.sleep(1)
    write(app.state.log, f"{name} finished")


@app.get("/")
async def start(background: Background) -> str:
    background.after_response(sleepy, "shielded", shield=True)
    background.after_response(sleepy_thread, "shielded thread", shield=True)
    background.after_response(sleepy, "unshielded")
    return "started"


def serve(port: int, log: str) -> None:
    """Listen until SIGTERM; what is done is written to `log`."""
    app.state.log = log
    uvicorn.run(app, port=port, log_level="warning")
