"""Each kind of fault on one real broker, by `minuet chaos`, broken off and gone on with."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.chaos import kinds_of
from minuet.dev import Broker
from tests.chaos.chaos_run import PATIENCE_S, kept, prepare, start

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1_200)]

KINDS = sorted(set(kinds_of(1)) - {"failpoint"})


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    prepare(tmp_path)
    yield tmp_path
    Broker(tmp_path / ".minuet" / "chaos").reset()


def test_every_kind_of_fault_and_a_run_that_is_broken_off_and_gone_on_with(project: Path) -> None:
    options = [*(f"--only={kind}" for kind in KINDS), "--every", "3", "--rounds", "1"]
    first = start(project, *options)
    assert first.stderr
    while "!" not in first.stderr.readline():  # a fault
        assert first.poll() is None
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 130
    assert Broker(project / ".minuet" / "chaos").running() is None
    state = json.loads((project / ".minuet" / "chaos" / "state.json").read_text())

    found = kept(start(project, *options, "--resume", "--json"))
    assert sorted(found["faults"]) == KINDS
    assert found["acked"] > state["sent"] > 0 < len(state["faults"])
    assert found["each_fault"][0]["at_ms"] == state["faults"][0]["at_ms"]
    assert found["parked"] >= found["poisoned"] / 2 > 0
