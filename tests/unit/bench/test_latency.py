"""Percentiles are by nearest rank: a time that some saga really took."""

from __future__ import annotations

from minuet.bench.latency import Latencies, without


def test_half_of_the_sagas_were_at_least_as_fast_as_the_median() -> None:
    assert Latencies([4.0, 1.0, 3.0, 2.0]).percentile(50) == 2.0


def test_the_99th_of_100_sagas_is_p99() -> None:
    assert Latencies([float(n) for n in range(1, 101)]).percentile(99) == 99.0


def test_of_few_sagas_the_slowest_is_p99() -> None:
    assert Latencies([1.0, 2.0, 3.0]).percentile(99) == 3.0
    assert Latencies([5.0]).percentile(50) == 5.0


def test_a_saga_can_be_left_out() -> None:
    left = without(Latencies([1.0, 900.0, 2.0], late_ms=0.5), [1])
    assert left == Latencies([1.0, 2.0], late_ms=0.5)
