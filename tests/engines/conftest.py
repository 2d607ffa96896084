"""The contract suite is told once and played on every log."""

from __future__ import annotations

import os
from functools import partial

import pytest

from minuet.engines.disk_stores import DiskStores
from minuet.kafka.connection import Connection
from minuet.testing import Kafka
from tests.engines import memory_world, native_world
from tests.engines.world import Play

REAL = pytest.mark.kafka
# What is always played in transactions too; the rest is where CI is set, since each start of a
# worker waits half a second for its names.
ALWAYS = ("test_contract_rules", "test_contract_workers")


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
        if not os.environ.get("CI") and request.module.__name__.rpartition(".")[2] not in ALWAYS:
            pytest.skip("in transactions: where CI is set")
        return partial(native_world.play_in_transactions, kafka)
    return partial(native_world.play, kafka)
