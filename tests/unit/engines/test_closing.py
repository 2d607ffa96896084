"""Resources are closed when their worker stops."""

from __future__ import annotations

import asyncio
import logging

import pytest

from minuet.engines.worker import close_resources


class Service:
    def __init__(self, trouble: Exception | None = None) -> None:
        self.closed = False
        self._trouble = trouble

    async def aclose(self) -> None:
        if self._trouble:
            raise self._trouble
        self.closed = True


def test_each_resource_is_closed_and_one_that_fails_keeps_none_from_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, bad, last = Service(), Service(OSError("the line is dead")), Service()
    with caplog.at_level(logging.WARNING):
        asyncio.run(close_resources([first, object(), bad, last]))
    assert (first.closed, last.closed) == (True, True)
    assert [each.getMessage() for each in caplog.records] == [
        "Service was not closed: OSError('the line is dead')"
    ]
