"""The contract suite is told once and played on every log."""

from __future__ import annotations

from functools import partial

import pytest

from minuet.engines.disk_stores import DiskStores
from tests.engines import memory_world, native_world
from tests.engines.world import Play

REAL = pytest.mark.kafka


@pytest.fixture(
    params=[
        "memory",
        "disk",
        pytest.param("native", marks=REAL),
        pytest.param("transactional", marks=REAL),
    ]
)
def play(request: pytest.FixtureRequest) -> Play:
    """Plays a story on one of the logs, and with rows on disk."""
    if request.param == "memory":
        return memory_world.play
    if request.param == "disk":
        stores = DiskStores(request.getfixturevalue("tmp_path"), {}, most=0)
        return partial(memory_world.play, stores=stores)
    kafka = request.getfixturevalue("kafka")
    if request.param == "transactional":
        return partial(native_world.play_in_transactions, kafka)
    return partial(native_world.play, kafka)
