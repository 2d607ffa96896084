"""`minuet replay --into here` from the log itself: rows that differ from it, and what then runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from minuet.kafka.connection import Connection
from minuet.kafka.offsets import commit, watermarks
from tests.integration.test_replay_log import Sold
from tests.integration.test_verify import packed, rewrite

pytestmark = pytest.mark.kafka

HERE = ("--into", "here")


@pytest.fixture
def parcels(tmp_path: Path, kafka: str) -> Sold:
    """Two parcels, done."""
    project = Sold(tmp_path, kafka)
    project.apply()
    with project.worker("--simulated") as worker:
        worker.says("ready")
        project.publish(light=3, heavy=30)
        project.ended(2)
        project.folded()
    return project


def test_rows_that_are_what_the_log_says_are_left_alone(parcels: Sold) -> None:
    ends = watermarks(Connection(parcels.bootstrap), parcels.topic)
    found = parcels.replay(*HERE)
    assert (found["code"], found["plan"]["rows_differ"], found["plan"]["effects"]) == (0, 0, 0)
    assert watermarks(Connection(parcels.bootstrap), parcels.topic) == ends


def test_a_row_that_differs_is_made_anew_while_a_worker_runs(parcels: Sold) -> None:
    rewrite(parcels, b"heavy", lambda row: packed({**row, "status": "completed"}))
    assert not parcels.found("verify", parcels.name)["ok"]
    other = parcels.replay(*HERE, "--saga", "light")
    assert (other["code"], other["plan"]["rows_differ"]) == (0, 0)
    dry = parcels.found("replay", parcels.name, *HERE, "--dry-run")
    assert (dry["code"], dry["plan"]["sagas"]) == (0, ["heavy"])
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        found = parcels.replay(*HERE, "--event", "ParcelRefused")
        assert found["code"] == 0, found
        assert (found["plan"]["sagas"], found["done"], found["rows_differ"]) == (["heavy"], True, 0)
    (noted,) = parcels.found("operations", "list", parcels.name)["operations"]
    assert (noted["kind"], noted["why"], noted["result"]) == ("rebuild", "a test", "done")
    assert parcels.found("verify", parcels.name)["ok"]


def test_what_a_consumer_skipped_runs_once(parcels: Sold) -> None:
    parcels.publish(skipped=3, also=4)
    place = Connection(parcels.bootstrap)
    ends = {number: high for number, (_, high) in watermarks(place, parcels.topic).items()}
    commit(place, parcels.name, parcels.topic, ends)
    found = parcels.replay(*HERE)
    assert found["code"] == 0, found
    assert sorted(found["plan"]["sagas"]) == ["also", "skipped"]
    assert found["plan"]["effects_by_step"] == {"buy_stamp": 2}
    assert not found["done"]  # nobody runs: the next worker does it first
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.ended(4)
        parcels.folded()
    report = parcels.found("verify", parcels.name)
    assert (report["ok"], report["completed"], report["compensated"]) == (True, 3, 1)
    assert set(parcels.sold().values()) == {1}
    assert len(parcels.sold()) == 4
