"""`minuet topics` on a real broker, and the registry that lives in a topic."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer

from minuet.contracts.schema import schema_of
from minuet.errors import UsageError
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.reading import partitions, snapshot
from minuet.kafka.registry import TopicRegistry
from minuet.settings.names import SCHEMAS
from minuet.spec import project
from tests.integration.parcels import Parcels

pytestmark = pytest.mark.kafka


@pytest.fixture
def parcels(tmp_path: Path, kafka: str) -> Parcels:
    return Parcels(tmp_path, kafka)


@pytest.fixture
def connection(kafka: str) -> Connection:
    place = Connection(kafka)
    topics.apply(place, [topics.TopicPlan(SCHEMAS, 1, {"cleanup.policy": "compact"})])
    return place


def test_apply_makes_what_plan_shows_and_a_second_time_nothing(parcels: Parcels) -> None:
    code, out, _ = parcels.run("topics", "plan", parcels.name)
    assert code == 1
    assert f"{parcels.topic}: is missing" in out

    code, out, _ = parcels.run("topics", "apply", parcels.name)
    assert (code, f"{parcels.topic}: is missing" in out) == (0, True)

    code, out, _ = parcels.run("topics", "plan", parcels.name, "--json")
    assert code == 0
    assert json.loads(out)["differences"] == []
    code, out, _ = parcels.run("topics", "apply", parcels.name, "--json")
    assert json.loads(out) == {"done": [], "left": []}


def test_a_setting_that_drifted_is_set_again(parcels: Parcels) -> None:
    place = Connection(parcels.bootstrap)
    topics.apply(place, [topics.TopicPlan(parcels.topic, 3, {"retention.ms": "1000"})])
    _, out, _ = parcels.run("topics", "apply", parcels.name)
    assert f"{parcels.topic}: retention.ms 1000 -> -1" in out
    assert f"{parcels.topic}: message.timestamp.type CreateTime -> LogAppendTime" in out
    topics.check(place, project.load(parcels.name, parcels.folder).spec)


def test_other_partitions_are_left_and_refused_before_work_starts(parcels: Parcels) -> None:
    code, _, errors = parcels.run("topics", "apply", parcels.name)
    assert code == 0, errors
    parcels.write(partitions=5)
    code, _, errors = parcels.run("topics", "apply", parcels.name)
    assert code == 1
    assert f"{parcels.topic}: partitions 3 -> 5" in errors
    place = Connection(parcels.bootstrap)
    assert partitions(place, parcels.topic) == [0, 1, 2]
    with pytest.raises(UsageError, match="has 3 partitions and the workflow"):
        topics.check(place, project.load(parcels.name, parcels.folder).spec)


def test_a_missing_topic_names_the_command_that_makes_it(parcels: Parcels) -> None:
    with pytest.raises(UsageError, match=f"minuet topics apply {parcels.name}"):
        partitions(Connection(parcels.bootstrap), parcels.topic)


def test_a_snapshot_of_empty_partitions_ends(parcels: Parcels) -> None:
    parcels.typed("topics", "apply", parcels.name)
    assert list(snapshot(Connection(parcels.bootstrap), parcels.topic)) == []


def test_a_snapshot_is_what_stood_there_when_it_began(parcels: Parcels) -> None:
    parcels.typed("topics", "apply", parcels.name)
    place = Connection(parcels.bootstrap)
    producer = place.producer()
    for number in range(500):
        producer.produce(parcels.topic, b"x", str(number))
    producer.flush()
    keys = []
    for message in snapshot(place, parcels.topic):
        keys.append(message.key() or b"")
        producer.produce(parcels.topic, b"late", b"late")
    producer.flush()
    assert sorted(keys) == sorted(str(number).encode() for number in range(500))


def test_what_one_process_registers_another_finds(connection: Connection) -> None:
    reader, writer = TopicRegistry(connection, SCHEMAS), TopicRegistry(connection, SCHEMAS)
    schema = schema_of({"type": "record", "name": "orders.Found", "fields": []})
    assert reader.find(schema.fingerprint) is None
    id = writer.register(schema)
    assert TopicRegistry(connection, SCHEMAS).find(schema.fingerprint) == schema
    assert TopicRegistry(connection, SCHEMAS).register(schema) == id
    assert [m.key() for m in snapshot(connection, SCHEMAS)].count(schema.fingerprint.encode()) == 1


def test_a_running_reader_learns_a_schema_that_came_later(connection: Connection) -> None:
    reader = TopicRegistry(connection, SCHEMAS)
    reader.find("0000000000000000")
    schema = schema_of({"type": "record", "name": "orders.Later", "fields": []})
    TopicRegistry(connection, SCHEMAS).register(schema)
    assert reader.find(schema.fingerprint) == schema


def test_a_record_that_is_not_the_schema_of_its_key_is_not_believed(
    connection: Connection,
) -> None:
    topic = "forged.schemas"  # others read the usual one
    topics.apply(connection, [topics.TopicPlan(topic, 1, {"cleanup.policy": "compact"})])
    producer: Producer = connection.producer()
    forged = "00000000000000ff"
    producer.produce(topic, b'{"type":"record","name":"a.Forged","fields":[]}', forged)
    producer.produce(topic, b"\xff", "00000000000000fe")
    producer.produce(topic, b"[]", "00000000000000fd")
    producer.produce(topic, None, "00000000000000fc")
    producer.flush()
    registry = TopicRegistry(connection, topic)
    for fingerprint in (forged, "00000000000000fe", "00000000000000fd", "00000000000000fc"):
        assert registry.find(fingerprint) is None
