"""Plain Avro records of another system as the input of `minuet publish`, on a real broker."""

from __future__ import annotations

import json
import signal
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka.admin import NewTopic
from fastavro import parse_schema, schemaless_writer

from minuet.event import ids, record
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from tests.integration.parcels import Parcels

pytestmark = pytest.mark.kafka

SCHEMA = {
    "type": "record", "name": "Shipment", "fields": [
        {"name": "id", "type": "string"},
        {"name": "worth", "type": {
            "type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2}},
        {"name": "sent_at", "type": "string"},
    ],
}  # fmt: skip
MAP = "parcel_id=id,value=worth"
PARTITIONS = 2


class Legacy:
    """A topic of somebody else."""

    def __init__(self, parcels: Parcels) -> None:
        self.parcels = parcels
        self.topic = f"legacy.{parcels.name}"
        self._place = Connection(parcels.bootstrap)
        admin = self._place.admin()
        admin.create_topics([NewTopic(self.topic, PARTITIONS, 1)])[self.topic].result(30)
        (parcels.folder / "shipment.avsc").write_text(json.dumps(SCHEMA))

    def say(self, numbers: range, *bad: bytes) -> None:
        producer = self._place.producer()
        for number in numbers:
            buffer = BytesIO(b"\x00\x00\x00\x00\x09")
            buffer.seek(5)
            shipment = {
                "id": f"p-{number}",
                "worth": Decimal("12.50"),
                "sent_at": "2026-11-22T10:00:00Z",
            }
            schemaless_writer(buffer, parse_schema(SCHEMA), shipment)
            producer.produce(self.topic, buffer.getvalue(), partition=number % PARTITIONS)
        for value in bad:
            producer.produce(self.topic, value, partition=0)
        producer.flush()

    def command(self, *options: str) -> tuple[str, ...]:
        where = ("--topic", self.topic, "--map", MAP, "--schema", "shipment.avsc")
        return ("publish", self.parcels.name, "ParcelSent", "--json", *where, *options)

    def publish(self, *options: str) -> tuple[int, dict[str, Any]]:
        code, out, errors = self.parcels.typed(*self.command(*options))
        assert out, (code, errors)
        return code, json.loads(out)

    def begun(self) -> list[tuple[str, str]]:
        """Key and id of each event on the log."""
        return [
            ((m.key() or b"").decode(), cast("bytes", dict(m.headers() or ())[record.ID]).decode())
            for m in snapshot(self._place, self.parcels.topic)
        ]


@pytest.fixture
def legacy(tmp_path: Path, kafka: str) -> Legacy:
    parcels = Parcels(tmp_path, kafka)
    code, _, errors = parcels.typed("topics", "apply", parcels.name)
    assert code == 0, errors
    return Legacy(parcels)


def test_each_record_is_an_event_under_the_id_of_its_place_and_bad_ones_are_kept(
    legacy: Legacy,
) -> None:
    legacy.say(range(10), b"no avro")
    code, result = legacy.publish("--rejects", "bad.jsonl")
    assert (code, result["published"], result["rejected"]) == (1, 10, 1)
    assert dict(legacy.begun()) == {
        f"p-{n}": ids.derive("record", legacy.topic, str(n % 2), str(n // 2)) for n in range(10)
    }
    (bad,) = map(json.loads, (legacy.parcels.folder / "bad.jsonl").read_text().splitlines())
    assert bad["reason"].startswith(f"{legacy.topic} 0@5: the value does not begin with")
    assert bad["text"] == "no avro"


def test_the_next_run_takes_what_has_come_since_and_one_from_the_start_says_the_same_ids(
    legacy: Legacy,
) -> None:
    legacy.say(range(10))
    legacy.publish()
    legacy.say(range(10, 13))
    assert legacy.publish()[1]["lines"] == 3
    assert legacy.publish()[1]["lines"] == 0
    assert legacy.publish("--from-start", "--check")[1]["duplicate"] == 13
    assert legacy.publish("--from-start")[1]["published"] == 13
    assert len(legacy.begun()) == 26
    assert len(set(legacy.begun())) == 13


def test_a_dry_run_moves_nothing(legacy: Legacy) -> None:
    legacy.say(range(4))
    assert legacy.publish("--dry-run")[1]["accepted"] == 4
    assert legacy.publish()[1]["published"] == 4


def test_after_ctrl_c_it_goes_on_and_each_is_sent_once(legacy: Legacy) -> None:
    legacy.say(range(2_000))
    process = legacy.parcels.start(*legacy.command("--rate", "500"))
    legacy.parcels.begins(200)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    first = json.loads(out)
    assert process.returncode == 130
    code, second = legacy.publish()
    assert code == 0
    assert first["published"] + second["published"] == 2_000
    assert len(set(legacy.begun())) == len(legacy.begun()) == 2_000


def test_after_a_kill_every_record_is_there_under_one_id(legacy: Legacy) -> None:
    legacy.say(range(2_000))
    process = legacy.parcels.start(*legacy.command("--rate", "500"))
    legacy.parcels.begins(900)
    process.kill()
    process.communicate()
    code, second = legacy.publish()
    assert code == 0
    assert second["published"] < 2_000
    assert len(set(legacy.begun())) == 2_000


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--map", "parcel=id"), "parcel is no field of ParcelSent; it has: parcel_id, value"),
        (("--registry", "http://127.0.0.1:1"), "say --schema FILE, or --registry URL"),
        (("--file", "in.jsonl"), "say --topic, or --file and --format, not both"),
        (("--schema", "none.avsc"), "--schema none.avsc: No such file"),
        (("--topic", "legacy.nothing"), "there is no topic legacy.nothing"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_read(
    legacy: Legacy, options: tuple[str, ...], reason: str
) -> None:
    code, _, errors = legacy.parcels.typed(*legacy.command(*options))
    assert code == 2
    assert reason in errors
