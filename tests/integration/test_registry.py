"""A workflow whose schemas are in a registry, on a real Kafka and a real Apicurio Registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import create_model

from minuet.contracts.codec import Codec
from minuet.contracts.registry import Registry
from minuet.contracts.schema import Schema, avro_schema, schema_of
from minuet.errors import RegistryAway, RegistryError
from minuet.event.model import Event
from minuet.event.record import REASON, SCHEMA, Record
from minuet.kafka.connection import Connection
from minuet.kafka.following import follow
from minuet.kafka.offsets import watermarks
from minuet.kafka.reading import record_of
from minuet.kafka.registries import registry_of
from minuet.kafka.registry import TopicRegistry
from minuet.kafka.schema_service import SchemaService
from minuet.kafka.schema_texts import canonical
from minuet.kafka.writer import Place, WriteError, Writer
from minuet.publish.envelope import Envelope
from minuet.settings.registry import Registry as Settings
from tests.integration.parcels import PATIENCE_S
from tests.integration.refusals import Refusals
from tests.integration.registry_gate import Gate

pytestmark = pytest.mark.kafka

URL = "MINUET_REGISTRY__URL"


class Sent(Refusals):
    """A project whose registry stands behind a gate."""

    def __init__(self, folder: Path, bootstrap: str, gate: Gate) -> None:
        super().__init__(folder, bootstrap)
        self.gate = gate
        self.edited = False
        self.module = self._module
        self.namespace = self._module.stem
        self.place = Connection(bootstrap, registry=Settings(gate.url))

    def registry(self) -> Registry:
        """Another process's view of the registry."""
        return registry_of(self.place, "minuet.schemas")

    def do(self, *arguments: str) -> str:
        """Run a command that must go well; returns what it printed."""
        code, out, errors = (self.offline if self.edited else self.here)(*arguments)
        assert code == 0, errors
        return out

    def edit(self, old: str, new: str) -> None:
        """Change the workflow; from now on commands are processes, which import it anew."""
        self.edited = True
        text = self.module.read_text()
        assert old in text
        self.module.write_text(text.replace(old, new))

    def until(self, key: str, *types: str) -> list[Record]:
        """The records of a saga, once the last of them is of such a type."""
        place = Connection(self.bootstrap)
        start = {number: low for number, (low, _) in watermarks(place, self.topic).items()}
        found: list[Record] = []
        for messages in follow(place, self.topic, start):
            found += [r for m in messages if m.key() and (r := record_of(m)).key == key]
            if found and found[-1].type in types:
                return found
        raise AssertionError


@pytest.fixture
def gate(registry: str) -> Iterator[Gate]:
    with Gate(registry) as gate:
        yield gate


@pytest.fixture
def sent(tmp_path: Path, kafka: str, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Sent:
    monkeypatch.setenv(URL, gate.url)
    project = Sent(tmp_path, kafka, gate)
    project.apply()
    project.do("schemas", "export")
    return project


def number_of(record: Record) -> int:
    assert record.value
    assert record.value[0] == 0
    return int.from_bytes(record.value[1:5], "big")


def name_of(registry: str, number: int) -> str:
    found = SchemaService(Settings(registry)).by_id(number)
    assert found is not None
    return canonical(found.text).name


def test_ids_that_another_process_wrote_meanwhile_stay(sent: Sent) -> None:
    class Rare(Event):
        rare_id: str

    schema = avro_schema(Rare)
    one, two = (TopicRegistry(sent.place, "minuet.schemas") for _ in range(2))
    assert two.id_at("http://one", schema.fingerprint) is None
    one.keep(schema, "http://one", 1)
    two.keep(schema, "http://two", 2)
    found = TopicRegistry(sent.place, "minuet.schemas")
    ids = [found.id_at(f"http://{name}", schema.fingerprint) for name in ("one", "two")]
    assert ids == [1, 2]


def test_a_saga_runs_with_the_ids_of_the_registry_and_goes_on_while_it_is_gone(
    sent: Sent, registry: str
) -> None:
    sent.do("schemas", "register")
    with sent.worker("--simulated") as worker:
        worker.says("ready")
        sent.publish(first=3)
        records = sent.until("first", "SagaCompleted")
        types = [record.type for record in records]
        assert types == ["ParcelSent", "StampBought", "ParcelArrived", "SagaCompleted"]
        for record in records:
            place = "minuet" if record.type == "SagaCompleted" else sent.namespace
            assert name_of(registry, number_of(record)) == f"{place}.{record.type}"
        sent.gate.down()
        sent.publish(second=4, heavy=40)
        assert [number_of(r) for r in sent.until("second", "SagaCompleted")] == [
            number_of(record) for record in records
        ]
        sent.until("heavy", "SagaCompensated")
    with sent.worker("--simulated") as worker:  # one that starts now knows no less
        worker.says("ready")
        sent.publish(third=5)
        sent.until("third", "SagaCompleted")
        sent.ended(4)
    report = sent.found("verify", sent.name)
    assert (report["code"], report["completed"], report["compensated"]) == (0, 3, 1)


def test_a_worker_whose_schema_is_not_registered_stops_and_says_so(sent: Sent) -> None:
    code, _, errors = sent.typed("worker", sent.name, "--simulated")
    assert code == 1
    assert f"{sent.gate.url} does not have " in errors
    assert "run `minuet schemas register`" in errors


def test_a_worker_that_may_register_is_told_why_the_registry_refuses(
    sent: Sent, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINUET_REGISTRY__REGISTER", "true")
    service = SchemaService(Settings(registry))
    name = f"{sent.namespace}.StampBought"
    fields = [{"name": "price", "type": "string"}]
    service.register(schema_of({"type": "record", "name": name, "fields": fields}))
    code, _, errors = sent.typed("worker", sent.name, "--simulated")
    assert code == 1
    assert f"{sent.gate.url} refuses {name}" in errors
    assert "ncompatible" in errors
    assert service.level(name) == "FULL_TRANSITIVE"


def test_what_nobody_told_while_the_registry_is_gone_ends_the_start(sent: Sent) -> None:
    sent.gate.down()
    code, _, errors = sent.typed("worker", sent.name, "--simulated")
    assert code == 1
    assert "cannot be reached: Connection refused; it has never told the id of " in errors


def put(sent: Sent, key: str, registry: Any, model: Any, **fields: Any) -> None:
    """Write an event to the log as a service of another make does, with its own schema."""
    codec = Codec([model], registry)
    sealed = Envelope(sent.name, "parcel_id", [model], codec).seal(
        model(parcel_id=key, **fields), 0
    )
    done: list[Place | WriteError] = []
    writer = Writer(Connection(sent.bootstrap), sent.topic)
    writer.append(sealed.key, sealed.value, sealed.headers, done.append)
    writer.flush(PATIENCE_S)
    assert isinstance(done[0], Place)


class Elsewhere:
    """Registers in the registry alone: nobody else is told."""

    def __init__(self, registry: str) -> None:
        self.service = SchemaService(Settings(registry))

    def register(self, schema: Schema) -> int:
        return self.service.register(schema)

    def find(self, fingerprint: str, number: int = 0) -> Schema | None:
        return None


class Nowhere(Elsewhere):
    """Gives an id that no registry has."""

    def register(self, schema: Schema) -> int:
        return 2_000_000_000


class Mistaken(Elsewhere):
    """Gives the id of another schema."""

    def register(self, schema: Schema) -> int:
        other = schema_of({"type": "record", "name": f"{schema.name}Other", "fields": []})
        return self.service.register(other)


def of_another_make(sent: Sent) -> Any:
    return create_model(
        "ParcelSent", __base__=Event, __module__=sent.namespace, parcel_id=(str, ...),
        kilos=(int, ...), colour=(str, "red"),
    )  # fmt: skip


def test_a_schema_that_only_the_registry_has_is_waited_for_and_nothing_is_rejected(
    sent: Sent, registry: str
) -> None:
    sent.do("schemas", "register")
    with sent.worker("--simulated") as worker:
        worker.says("ready")
        sent.gate.down()
        put(sent, "waits", Elsewhere(registry), of_another_make(sent), kilos=3)
        sent.publish(known=3)
        sent.until("known", "SagaCompleted")
        sent.folded()
        assert [r.type for r in sent.until("waits", "ParcelSent")] == ["ParcelSent"]
        sent.gate.up()
        types = [record.type for record in sent.until("waits", "SagaCompleted", "RecordRejected")]
        assert types == ["ParcelSent", "StampBought", "ParcelArrived", "SagaCompleted"]
    sent.gate.down()  # by now Kafka remembers it, for everyone
    text = sent.registry().find(fingerprint_at(sent, "waits"))
    assert text is not None


def fingerprint_at(sent: Sent, key: str) -> str:
    first = sent.until(key, "SagaCompleted")[0]
    return first.headers[SCHEMA].rpartition(b":")[2].decode()


@pytest.mark.parametrize(
    ("registry_kind", "why"),
    [(Nowhere, "nobody registered the schema"), (Mistaken, "is of parcels")],
    ids=["an id that is not there", "an id of another schema"],
)
def test_an_id_that_leads_nowhere_is_a_record_that_cannot_be_read(
    sent: Sent, registry: str, registry_kind: type[Elsewhere], why: str
) -> None:
    sent.do("schemas", "register")
    with sent.worker("--simulated") as worker:
        worker.says("ready")
        put(sent, "bad", registry_kind(registry), of_another_make(sent), kilos=3)
        records = sent.until("bad", "RecordRejected")
        assert why in records[-1].headers[REASON].decode()


def test_files_and_registry_are_told_apart_and_brought_together(sent: Sent, registry: str) -> None:
    name = f"{sent.namespace}.ParcelSent"
    service = SchemaService(Settings(registry))
    code, _, errors = sent.here("schemas", "diff")
    assert code == 1
    assert f"{name} v1 " in errors
    assert "is not registered" in errors
    assert f"registered {name} v1 as " in sent.do("schemas", "register")
    assert service.level(name) == "FULL_TRANSITIVE"
    sent.do("schemas", "diff")
    fields = [
        {"name": "parcel_id", "type": "string"}, {"name": "kilos", "type": "long"},
        {"name": "colour", "type": "string", "default": "red"},
    ]  # fmt: skip
    theirs = schema_of({"type": "record", "name": name, "fields": fields})
    service.register(theirs)
    service.set_level(name, "NONE")
    code, _, errors = sent.here("schemas", "diff")
    assert code == 1
    assert "is only in the registry" in errors
    assert f"{name} is held against NONE there, and declares FULL_TRANSITIVE" in errors
    assert f"{sent.name}: wrote ParcelSent v2" in sent.do("schemas", "pull")
    written = sent.folder / "schemas" / sent.name / "ParcelSent" / "v2.avsc"
    assert schema_of(json.loads(written.read_text())).fingerprint == theirs.fingerprint
    sent.edit("    kilos: int\n", '    kilos: int\n    colour: str = "red"\n')
    sent.do("schemas", "check")
    sent.do("schemas", "register")
    assert service.level(name) == "FULL_TRANSITIVE"
    sent.do("schemas", "diff")


def test_what_the_registry_refuses_is_told_and_two_histories_are_not_joined(
    sent: Sent, registry: str
) -> None:
    name = f"{sent.namespace}.StampBought"
    sent.do("schemas", "register")
    fields = [
        {"name": "price", "type": "long"}, {"name": "colour", "type": "string", "default": ""},
    ]  # fmt: skip
    service = SchemaService(Settings(registry))
    service.register(schema_of({"type": "record", "name": name, "fields": fields}))
    sent.edit(
        "    price: int\n\n\nclass ParcelA",
        "    price: int\n    colour: int = 0\n\n\nclass ParcelA",
    )
    sent.do("schemas", "export")
    code, _, errors = sent.offline("schemas", "register")
    assert code == 1
    assert f"{name} v2 (FULL_TRANSITIVE): " in errors
    assert "refuses" in errors
    code, _, errors = sent.offline("schemas", "pull")
    assert code == 1
    assert "StampBought: the registry lacks v2, and has others: two histories" in errors
    assert not (sent.folder / "schemas" / sent.name / "StampBought" / "v3.avsc").exists()


def test_a_schema_is_pulled_with_what_it_refers_to(sent: Sent, registry: str) -> None:
    from confluent_kafka.schema_registry import Schema as Theirs
    from confluent_kafka.schema_registry import SchemaReference, SchemaRegistryClient

    space = sent.namespace
    client = SchemaRegistryClient({"url": registry})
    city = [{"name": "city", "type": "string"}]
    place = {"type": "record", "name": "Place", "namespace": space, "fields": city}
    client.register_schema(f"{space}-place", Theirs(json.dumps(place), "AVRO"))
    ends = [{"name": name, "type": f"{space}.Place"} for name in ("begin", "end")]
    parcel = {"type": "record", "name": "Parcel", "namespace": space, "fields": ends}
    refers = [SchemaReference(f"{space}.Place", f"{space}-place", 1)]
    client.register_schema(f"{space}-value", Theirs(json.dumps(parcel), "AVRO", refers))
    client.close()
    file = sent.folder / "parcel.avsc"
    sent.do("schemas", "pull", "--subject", f"{space}-value", "--to", str(file))
    assert schema_of(json.loads(file.read_text())).name == f"{space}.Parcel"
    code, out, errors = sent.offline("schemas", "import", str(file))
    assert "class Place" in out, errors
    code, _, errors = sent.here("schemas", "pull", "--subject", f"{space}-none")
    assert (code, f"has no subject {space}-none" in errors) == (1, True)


def test_a_registry_that_forgot_gives_new_ids_and_who_starts_then_takes_them(
    sent: Sent, registry: str
) -> None:
    sent.do("schemas", "register")
    schema = schema_of({"type": "record", "name": f"{sent.namespace}.Kept", "fields": []})
    service = SchemaService(Settings(registry))
    number = service.register(schema)
    assert sent.registry().register(schema) == number
    sent.gate.down()
    assert sent.registry().register(schema) == number
    unknown = schema_of({"type": "record", "name": f"{sent.namespace}.New", "fields": []})
    with pytest.raises(RegistryAway, match="has never told the id"):
        sent.registry().register(unknown)
    sent.gate.up()
    with pytest.raises(RegistryError, match="does not have"):
        sent.registry().register(unknown)
