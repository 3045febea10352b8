"""Waiting for something that happens elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[bool] | bool], *, seconds: float = 60) -> None:
    """Wait until the condition is met. Raise TimeoutError after `seconds`.

    That is before pytest's own timeout, which would end the process without a report.
    """
    async with asyncio.timeout(seconds):
        while True:
            met = condition()
            if met if isinstance(met, bool) else await met:
                return
            await asyncio.sleep(0.02)
