"""A cluster of three nodes, of which one and then another is killed or stopped in mid-run."""

from __future__ import annotations

from pathlib import Path

import pytest

from minuet.dev.cluster import Cluster
from minuet.kafka.connection import Connection
from tests.chaos.chaos_run import kept, prepare, start
from tests.integration.in_time import in_time

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1_200)]

PROGRESS_WITHIN_S = 30.0
NODES = 3


@pytest.fixture
def project(tmp_path: Path) -> Path:
    prepare(tmp_path)
    return tmp_path


@pytest.mark.parametrize("guarantee", ["at-least-once", "transactional"])
def test_a_node_may_die_and_nothing_that_was_acknowledged_is_lost(
    project: Path, guarantee: str
) -> None:
    options = ["--nodes", str(NODES), "--only", "node-kill", "--only", "node-pause"]
    options += ["--guarantee", guarantee]
    found = kept(start(project, *options, "--every", "5", "--rounds", "1", "--json"))
    assert {kind: of["count"] >= 1 for kind, of in found["faults"].items()} == {
        "node-kill": True,
        "node-pause": True,
    }
    assert in_time(found["faults"]["node-kill"]["silence_most_s"], PROGRESS_WITHIN_S)
    each_has_three_copies(project / ".minuet" / "chaos")


def each_has_three_copies(folder: Path) -> None:
    cluster = Cluster(folder, NODES, keep=True)
    try:
        topics = Connection(cluster.up()).reach().topics.values()
    finally:
        cluster.down()
    ours = [topic for topic in topics if str(topic.topic).startswith("orders.")]
    assert ours
    for topic in ours:
        assert {len(each.replicas) for each in topic.partitions.values()} == {NODES}
