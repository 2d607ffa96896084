"""The contract suite is told once and played on every log."""

from __future__ import annotations

from functools import partial

import pytest

from tests.engines import memory_world, native_world
from tests.engines.world import Play


@pytest.fixture(params=["memory", pytest.param("native", marks=pytest.mark.kafka)])
def play(request: pytest.FixtureRequest) -> Play:
    """Plays a story on one of the logs."""
    if request.param == "memory":
        return memory_world.play
    return partial(native_world.play, request.getfixturevalue("kafka"))
