"""A worker under test that ends too early, or is never ready, without any Kafka."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from minuet.errors import BrokerError
from minuet.kafka.connection import Connection
from minuet.testing import running
from minuet.testing.running import Running
from tests.unit.imports.goods import goods


def under_test() -> Running:
    return Running(goods(), Connection("127.0.0.1:1"))


def test_a_story_of_a_worker_that_has_ended_says_why_it_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run(*_: object, ready: Any, alone: bool) -> None:
        ready(SimpleNamespace(parts={0: SimpleNamespace(restored=True)}))
        while not found._began.done():
            await asyncio.sleep(0.01)
        message = "the login was refused"
        raise BrokerError(message)

    monkeypatch.setattr(running, "run", run)

    def told() -> None:
        with found:
            found._thread.join(30)
            found.story("one")

    found = under_test()
    with pytest.raises(BrokerError, match="the login was refused"):
        told()


def test_a_worker_that_is_not_ready_in_time_is_ended_before_its_topics_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = []

    async def run(*_: object, ready: Any, alone: bool) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("worker")

    monkeypatch.setattr(running, "run", run)
    monkeypatch.setattr(running, "_START_S", 0.2)
    found = under_test()
    with pytest.raises(TimeoutError), found:
        raise AssertionError
    assert ended == ["worker"]
    assert not found._thread.is_alive()
