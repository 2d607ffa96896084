"""A position that Kafka did not store is committed again, also where nothing happens any more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from minuet.engines import virtual_time
from minuet.engines.memory import MemoryLog
from tests.engines.memory_world import MemoryWorld
from tests.engines.test_rows_of_others import settled


def test_a_refused_commit_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        world = MemoryWorld()
        worker = await world.start()
        await world.started(worker)
        await world.ask("t")
        await world.ended("t")
        await settled(worker)
        log = worker.log.log
        assert isinstance(log, MemoryLog)
        committed: list[Mapping[int, int]] = []
        monkeypatch.setattr(log, "commit", committed.append)
        positions = {n: part.position for n, part in worker.loop.parts.items()}
        worker.loop.uncommitted([*positions, 99])
        await settled(worker)
        assert {n: at for one in committed for n, at in one.items()} == positions
        await asyncio.sleep(60)
        assert len(committed) == len(positions)  # and not for ever
        await world.close()

    virtual_time.run(main())
