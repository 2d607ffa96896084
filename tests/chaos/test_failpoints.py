"""A worker dies at each named place of its own code, on a real broker, by `minuet chaos`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.dev import Broker
from minuet.engines.failpoints import PLACES
from tests.chaos.chaos_run import kept, prepare, start

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1_200)]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    prepare(tmp_path)
    yield tmp_path
    Broker(tmp_path / ".minuet" / "chaos").reset()


def test_a_worker_dies_at_each_place_and_every_promise_is_kept(project: Path) -> None:
    found = kept(start(project, "--only", "failpoint", "--every", "3", "--rounds", "1", "--json"))
    assert found["failpoints_left"] == []
    assert found["faults"].keys() == {f"failpoint {place}" for place in PLACES}
    assert found["asked_again"] > 0
