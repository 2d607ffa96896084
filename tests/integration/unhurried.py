"""The shipped `orders`, whose services take their time to answer, as real ones do.

A service has its effect first and answers later. So whatever moment a worker is killed at, some
effects have happened that the log does not know of: what the promises of Minuet are about.
"""

from __future__ import annotations

import asyncio
from typing import Any

from bench.effects import around
from bench.effects import orders as noted

ANSWERS_AFTER_S = 0.05
IS_SLOW_S = 0.5


async def wait(*_: Any) -> None:
    await asyncio.sleep(ANSWERS_AFTER_S)


async def wait_long(*_: Any) -> None:
    await asyncio.sleep(IS_SLOW_S)


orders = around(noted, wait)
slow = around(noted, wait_long)  # many calls are amid their work, on a busy machine too
