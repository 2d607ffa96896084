"""The contract suite is told once and played on every log."""

from __future__ import annotations

import os
from functools import partial

import pytest

from minuet.engines.disk_stores import DiskStores
from minuet.kafka.connection import Connection
from minuet.testing import Kafka
from tests.engines import faust_world, memory_world, native_world
from tests.engines.world import Play

REAL = pytest.mark.kafka
FAUST = [REAL, pytest.mark.faust]
# What is always played in transactions too; the rest is where CI is set, since each start of a
# worker waits half a second for its names.
ALWAYS = ("test_contract_rules", "test_contract_workers")
# On Faust the rest is played with `-m faust`: an app takes two seconds to start.
ALWAYS_ON_FAUST = ("test_contract_rules",)


@pytest.fixture(scope="session")
def kafka(minuet_kafka: Kafka) -> Connection:
    """The Kafka that `--kafka` names, and the login there."""
    return minuet_kafka.connection()


@pytest.fixture(
    params=[
        "memory",
        "disk",
        pytest.param("native", marks=REAL),
        pytest.param("transactional", marks=REAL),
        pytest.param("faust", marks=FAUST),
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
    module = request.module.__name__.rpartition(".")[2]
    if request.param == "transactional":
        if not os.environ.get("CI") and module not in ALWAYS:
            pytest.skip("in transactions: where CI is set")
        return partial(native_world.play_in_transactions, kafka)
    if request.param == "faust":
        if "faust" not in request.config.option.markexpr and module not in ALWAYS_ON_FAUST:
            pytest.skip("on Faust: pytest -m faust")
        return partial(faust_world.play, kafka)
    return partial(native_world.play, kafka)
