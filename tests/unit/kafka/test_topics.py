"""The topics that a workflow needs, as a plan."""

from __future__ import annotations

from minuet.kafka.topics import Difference, plan
from minuet.spec.model import Spec

SPEC = Spec(name="parcels", key="parcel_id", begins="ParcelSent", completes="ParcelHere")


def test_the_log_is_stamped_by_the_broker_and_kept_for_ever() -> None:
    log = {p.name: p for p in plan(SPEC)}["parcels.events"]
    assert log.partitions == SPEC.partitions
    assert log.config["message.timestamp.type"] == "LogAppendTime"
    assert log.config["cleanup.policy"] == "delete"
    assert log.config["retention.ms"] == "-1"


def test_rows_are_compacted_late_and_their_tombstones_kept() -> None:
    rows = {p.name: p for p in plan(SPEC)}["parcels.sagas"]
    assert rows.config == {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": "86400000",
        "delete.retention.ms": "604800000",
    }


def test_all_topics_of_a_workflow_have_its_partitions_and_the_schemas_one() -> None:
    partitions = {p.name: p.partitions for p in plan(SPEC)}
    assert partitions == {
        "parcels.events": 6,
        "parcels.sagas": 6,
        "parcels.retry.10s": 6,
        "parcels.retry.1m": 6,
        "parcels.retry.10m": 6,
        "parcels.dead-letters": 6,
        "parcels.operations": 6,
        "minuet.schemas": 1,
    }


def test_another_number_of_partitions_cannot_be_mended() -> None:
    difference = Difference("parcels.events", "partitions", "3", "6")
    assert not difference.mendable
    assert str(difference).startswith("parcels.events: partitions 3 -> 6")
    assert "migration" in str(difference)


def test_a_setting_can_be_mended() -> None:
    difference = Difference("parcels.events", "retention.ms", "1000", "-1")
    assert difference.mendable
    assert str(difference) == "parcels.events: retention.ms 1000 -> -1"
