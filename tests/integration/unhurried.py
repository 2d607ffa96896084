"""The shipped `orders`, whose services take their time to answer, as real ones do.

A service has its effect first and answers later. So whatever moment a worker is killed at, some
effects have happened that the log does not know of: what the promises of Minuet are about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench.effects import orders as shipped

ANSWERS_AFTER_S = 0.05


class Unhurried:
    """A service in front of another one."""

    def __init__(self, service: object) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._service, name)

        async def ask(*arguments: Any, **named: Any) -> Any:
            answer = await call(*arguments, **named)
            await asyncio.sleep(ANSWERS_AFTER_S)
            return answer

        return ask


def unhurried(form: Callable[[], object] | None) -> Callable[[], object]:
    """Return what makes the service, and puts the wait in front of it."""
    assert form is not None
    return lambda: Unhurried(form())


orders = replace(shipped)

for _resource, _forms in shipped.provided.items():
    orders.provide(_resource, simulated=unhurried(_forms.simulated))
