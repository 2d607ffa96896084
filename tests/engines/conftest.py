"""The contract suite is told once and played on every log."""

from __future__ import annotations

from functools import partial

import pytest

from minuet.engines.disk_stores import DiskStores
from tests.engines import memory_world, native_world
from tests.engines.world import Play


@pytest.fixture(params=["memory", "disk", pytest.param("native", marks=pytest.mark.kafka)])
def play(request: pytest.FixtureRequest) -> Play:
    """Plays a story on one of the logs, and with rows on disk."""
    if request.param == "memory":
        return memory_world.play
    if request.param == "disk":
        stores = DiskStores(request.getfixturevalue("tmp_path"), {}, most=0)
        return partial(memory_world.play, stores=stores)
    return partial(native_world.play, request.getfixturevalue("kafka"))
