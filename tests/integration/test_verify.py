"""`minuet verify` on a real log and table: clean, and each way in which it can fail."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import fastavro
import pytest

from minuet.core.row import ROW_SCHEMA
from minuet.event.record import ID
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from minuet.verify.rows import read_row
from tests.integration.refusals import Refusals

pytestmark = pytest.mark.kafka


@pytest.fixture
def parcels(tmp_path_factory: pytest.TempPathFactory, kafka: str) -> Refusals:
    """Two parcels, done."""
    project = Refusals(tmp_path_factory.mktemp("parcels"), kafka)
    project.apply()
    with project.worker("--simulated") as worker:
        worker.says("ready")
        project.publish(light=3, heavy=30)
        project.ended(2)
    return project


def rewrite(parcels: Refusals, key: bytes, change: Callable[[dict[str, Any]], bytes | None]) -> int:
    """Write another last row for a saga; return its partition."""
    place = Connection(parcels.bootstrap)
    rows = [m for m in snapshot(place, f"{parcels.name}.sagas") if m.key() == key]
    partition = rows[-1].partition() or 0
    producer = place.producer()
    value = change(read_row(rows[-1].value() or b""))
    producer.produce(f"{parcels.name}.sagas", value, key, partition)
    producer.flush()
    return partition


def packed(row: dict[str, Any]) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(ROW_SCHEMA), row)
    return out.getvalue()


def test_a_clean_table_is_verified_with_all_its_counts(parcels: Refusals) -> None:
    code, out, errors = parcels.run("verify", parcels.name)
    assert code == 0, errors
    assert "10 events, 2 sagas, 3 partitions" in out
    assert "1 completed, 1 compensated, 0 live, 0 early, 0 incidents, 0 uncommitted" in out
    assert "verified:" in out


def test_a_wrong_row_is_exit_1_and_told_field_by_field(parcels: Refusals) -> None:
    partition = rewrite(parcels, b"heavy", lambda row: packed({**row, "status": "completed"}))
    code, out, _ = parcels.typed("verify", parcels.name)
    assert code == 1
    assert f"DIFFERENT: saga heavy, partition {partition}: the row at log offset" in out
    assert "    status  stored completed  folded compensated" in out
    assert "NOT VERIFIED: 1 differences" in out
    found = parcels.found("verify", parcels.name)
    assert (found["ok"], found["differing"]) == (False, 1)
    assert found["differences"][0]["fields"] == [
        {"field": "status", "stored": "completed", "folded": "compensated"}
    ]


def test_a_deleted_row_is_a_difference(parcels: Refusals) -> None:
    rewrite(parcels, b"light", lambda _: None)
    found = parcels.found("verify", parcels.name)
    assert (found["code"], [each["kind"] for each in found["differences"]]) == (1, ["missing"])


def test_a_row_of_a_place_that_the_log_does_not_have_is_a_difference(parcels: Refusals) -> None:
    rewrite(parcels, b"light", lambda row: packed({**row, "log_offset": row["log_offset"] + 50}))
    found = parcels.found("verify", parcels.name)
    assert (found["code"], [each["kind"] for each in found["differences"]]) == (1, ["no-record"])


def test_bytes_that_are_no_row_are_a_difference(parcels: Refusals) -> None:
    rewrite(parcels, b"light", lambda row: packed(row) + b"!")
    found = parcels.found("verify", parcels.name)
    assert (found["code"], [each["kind"] for each in found["differences"]]) == (1, ["unreadable"])


def test_events_without_rows_are_right_before_any_commit(
    tmp_path_factory: pytest.TempPathFactory, kafka: str
) -> None:
    parcels = Refusals(tmp_path_factory.mktemp("parcels"), kafka)
    parcels.apply()
    parcels.publish(light=3)
    found = parcels.found("verify", parcels.name)
    assert (found["code"], found["live"], found["uncommitted"], found["rows"]) == (0, 1, 1, 0)


def test_it_may_run_beside_a_worker(parcels: Refusals) -> None:
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.publish(**{f"p{number}": number % 20 + 1 for number in range(200)})
        assert parcels.found("verify", parcels.name)["ok"]
        parcels.ended(202)
        assert parcels.found("verify", parcels.name)["ok"]


def test_a_wrong_command_line_is_told_in_one_message(parcels: Refusals) -> None:
    code, _, errors = parcels.typed("verify", "other")
    assert (code, "names no workflow 'other'" in errors) == (2, True)
    topics_missing = Refusals(parcels.folder, parcels.bootstrap)
    code, _, errors = topics_missing.typed("verify", topics_missing.name)
    assert (code, "minuet topics apply" in errors) == (2, True)
    nowhere = Refusals(parcels.folder, "127.0.0.1:1")
    code, _, errors = nowhere.typed("verify", nowhere.name)
    assert (code, "Kafka at 127.0.0.1:1" in errors) == (1, True)


def test_an_event_that_says_another_saga_than_its_key_is_named(
    tmp_path_factory: pytest.TempPathFactory, kafka: str
) -> None:
    parcels = Refusals(tmp_path_factory.mktemp("parcels"), kafka)
    parcels.apply()
    parcels.publish(light=3)
    place = Connection(parcels.bootstrap)
    (begun,) = snapshot(place, parcels.topic)
    headers = {**dict(begun.headers() or ()), ID: b"id-2"}
    producer = place.producer()
    producer.produce(parcels.topic, begun.value(), b"other", headers=[*headers.items()])
    producer.flush()
    code, out, _ = parcels.typed("verify", parcels.name)
    assert code == 0
    assert "1 events from outside belong to another saga than they say: ParcelSent at part" in out
    assert "has the key 'other' and says 'light'" in out
    assert parcels.found("verify", parcels.name)["miskeyed"] == 1
