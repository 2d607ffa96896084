"""A cluster of three nodes, of which one and then another is killed in the midst of the work."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.dev.cluster import Cluster
from minuet.kafka.connection import Connection
from tests.integration.in_time import in_time
from tests.integration.orders_run import Observer, OrdersRun, Upstream, orders_run, until
from tests.integration.test_kill import (
    EVERY_PARTITION,
    IN_FLIGHT_LEAST,
    all_is_well,
    in_flight_at,
    now_ms,
    wait_for_a_moment,
)

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(900)]

PROGRESS_WITHIN_S = 30.0
NODES, KILLS = 3, 2


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[Cluster, str]]:
    """Three nodes, and their addresses."""
    cluster = Cluster(tmp_path, NODES)
    try:
        yield cluster, cluster.up()
    finally:
        cluster.down()


@pytest.fixture
def run(cluster: tuple[Cluster, str], tmp_path: Path) -> Iterator[OrdersRun]:
    with orders_run(tmp_path, cluster[1]) as run:
        yield run


def silence_s(observer: Observer, killed: int) -> float:
    """How long there was no answer, in seconds."""
    until("an answer", lambda: observer.answered_since(killed, EVERY_PARTITION))
    return (observer.answered_since(killed, EVERY_PARTITION)[0] - killed) / 1000


def test_a_node_may_die_and_nothing_that_was_acknowledged_is_lost(
    cluster: tuple[Cluster, str], run: OrdersRun
) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"KILL_SEED={seed}")  # noqa: T201  (pytest shows it when the test fails)
    dice = random.Random(seed)
    nodes, _ = cluster
    for topic in Connection(run.bootstrap).reach().topics.values():
        if str(topic.topic).startswith("orders."):
            assert {len(each.replicas) for each in topic.partitions.values()} == {NODES}
    run.start_ready()
    hits, silences = [], []
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, 8_000, 90) as upstream:
        for number in dice.sample(range(1, NODES + 1), KILLS):
            wait_for_a_moment(observer, dice, 1, 4)
            nodes.kill(number)
            killed = now_ms()
            silences.append(silence_s(observer, killed))
            nodes.restart(number)
            assert not upstream.done, "the kill was too late"
            hits.append(killed)
        all_is_well(run, observer, upstream)
        in_flight = [in_flight_at(observer, killed) for killed in hits]
    print(f"{in_flight} sagas in flight; the first answer came after {silences} s")  # noqa: T201
    assert min(in_flight) >= IN_FLIGHT_LEAST
    assert in_time(max(silences), PROGRESS_WITHIN_S)
