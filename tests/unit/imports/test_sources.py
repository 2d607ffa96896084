"""Records of elsewhere, read as events: what they are, their ids, and why some are none."""

from __future__ import annotations

import io
import json

import pytest
from fastavro import parse_schema, schemaless_writer

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.schema import Schema
from minuet.errors import ContractError
from minuet.event import ids
from minuet.event.model import Event
from minuet.event.record import DIGEST, ID, SCHEMA, SOURCE, TRACEPARENT, TYPE
from minuet.imports.letters import Letter, letter_of
from minuet.imports.sources import OfLog, OfTopic
from minuet.inspection.letters import Letter as Seen
from minuet.inspection.letters import letter_of as seen
from minuet.kafka.raw import Raw
from minuet.publish.foreign import in_files
from tests.unit.imports.goods import DelayHeard, PaymentSettled, goods

SETTLEMENT = {
    "type": "record", "name": "Settlement",
    "fields": [
        {"name": "amount", "type": "int"},
        {"name": "order", "type": {
            "type": "record", "name": "Order", "fields": [{"name": "number", "type": "string"}],
        }},
    ],
}  # fmt: skip


class ParcelDelayed(Event):
    parcel: str
    order: str
    hours: int


def record(value: bytes, **headers: bytes) -> Raw:
    names = {"id": ID, "type": TYPE, "schema": SCHEMA, "source": SOURCE, "trace": TRACEPARENT}
    return Raw(3, 7, 1, b"k", value, tuple((names[name], raw) for name, raw in headers.items()))


def of_topic(*, format: str = "json", id: str = "") -> OfTopic:
    spec = goods(format=format, id=id).spec.imports[1]
    return OfTopic(spec, PaymentSettled, in_files({1: json.dumps(SETTLEMENT)}))


def avro(number: int = 1) -> bytes:
    body = io.BytesIO()
    written = {"amount": 5, "order": {"number": "o1"}}
    schemaless_writer(body, parse_schema(json.loads(json.dumps(SETTLEMENT))), written)
    return b"\0" + number.to_bytes(4, "big") + body.getvalue()


JSON = b'{"order": {"number": "o1"}, "amount": 5, "more": [1]}'


@pytest.mark.parametrize(("format", "value"), [("json", JSON), ("avro", avro())])
def test_a_record_of_a_topic_is_an_event_by_its_fields_under_an_id_of_its_place(
    format: str, value: bytes
) -> None:
    taken = of_topic(format=format).read(record(value, trace=b"00-trace"))
    assert taken is not None
    assert taken.event == PaymentSettled(reference="o1", cents=5)
    assert taken.id == ids.derive("record", "bank.settlements", "3", "7")
    assert (taken.source, taken.traceparent) == (b"/bank.settlements", "00-trace")


def test_a_field_may_be_the_id() -> None:
    value = b'{"order": {"number": "o1"}, "amount": 5, "settlement": "s-9"}'
    taken = of_topic(id="settlement").read(record(value))
    assert taken is not None
    assert taken.id == "s-9"
    with pytest.raises(ContractError, match="settlement: it is the event's id"):
        of_topic(id="settlement").read(record(JSON))


def test_a_tombstone_is_no_event() -> None:
    assert of_topic().read(record(b"")) is None


@pytest.mark.parametrize(
    ("format", "value", "why"),
    [
        ("json", b"\xff", "the value is not JSON"),
        ("json", b"[" * 100_000, "the value is not JSON"),
        ("json", b'"text"', "no JSON object"),
        ("json", b'{"order": "o1", "amount": 5}', "reference: Field required"),
        ("json", b'{"order": {"number": null}, "amount": 5}', "reference: "),
        ("json", b'{"order": {"number": "o"}, "amount": NaN}', "the value is not JSON"),
        ("json", b'{"order": {"number": "o"}, "amount": 0.12345678901234567890}', "more digits"),
        ("avro", b"\1aaaaaa", "does not begin with a zero byte"),
        ("avro", avro(2), "nobody gave the schema 2"),
        ("avro", avro()[:-1], "no such Avro, by schema 1"),
        ("avro", avro() + b"x", "bytes are left behind"),
    ],
)
def test_what_is_no_event_says_why_without_the_values(format: str, value: bytes, why: str) -> None:
    with pytest.raises(ContractError, match=why) as refused:
        of_topic(format=format).read(record(value))
    assert "o1" not in str(refused.value)


def test_an_event_of_a_log_keeps_its_id_and_is_read_in_its_writers_schema() -> None:
    registry = LocalRegistry()
    encoded = Codec([ParcelDelayed], registry).encode(
        ParcelDelayed(parcel="p", order="o1", hours=7)
    )
    source = OfLog(goods().spec.imports[0], DelayHeard, registry)
    headers = {"type": b"ParcelDelayed", "id": b"id-1", "source": b"/minuet/shipping"}
    taken = source.read(record(encoded.value, schema=encoded.schema, **headers))
    assert taken is not None
    assert taken.event == DelayHeard(order_id="o1", hours=7)
    assert (taken.id, taken.source) == ("id-1", b"/minuet/shipping")
    other = {**headers, "type": b"ParcelSent"}
    assert source.read(record(b"whatever", **other)) is None
    assert source.read(record(b"", schema=b"", id=b"x")) is None
    with pytest.raises(ContractError, match="nobody registered its schema"):
        source.read(record(encoded.value, schema=b"urn:minuet:avro:0000000000000000", **headers))
    with pytest.raises(ContractError, match="no such Avro"):
        source.read(record(b"", schema=encoded.schema, **headers))
    no_id = {name: raw for name, raw in headers.items() if name != "id"}
    with pytest.raises(ContractError, match="has no id"):
        source.read(record(encoded.value, schema=encoded.schema, **no_id))


class Late(LocalRegistry):
    """Knows a schema only by its id, as one whose memory in Kafka has not heard of it."""

    def find(self, fingerprint: str, number: int = 0) -> Schema | None:
        return super().find(fingerprint, number) if number else None


def test_a_schema_that_the_memory_lacks_is_asked_for_by_the_id_in_the_value() -> None:
    registry = Late()
    event = ParcelDelayed(parcel="p", order="o1", hours=7)
    encoded = Codec([ParcelDelayed], registry).encode(event)
    source = OfLog(goods().spec.imports[0], DelayHeard, registry)
    taken = source.read(
        record(encoded.value, schema=encoded.schema, type=b"ParcelDelayed", id=b"i")
    )
    assert taken is not None
    assert taken.event == DelayHeard(order_id="o1", hours=7)


def test_a_value_that_would_become_too_many_objects_is_refused() -> None:
    many = {"type": "array", "items": "boolean"}
    fields = [*SETTLEMENT["fields"], {"name": "more", "type": many}]
    source = OfTopic(
        goods(format="avro").spec.imports[1], PaymentSettled,
        in_files({1: json.dumps({**SETTLEMENT, "fields": fields})}),
    )  # fmt: skip
    body = io.BytesIO()
    written = {"amount": 5, "order": {"number": "o1"}, "more": [True] * 300_000}
    schemaless_writer(body, parse_schema({**SETTLEMENT, "fields": fields}), written)
    with pytest.raises(ContractError, match="schema 1: a value of more than"):
        source.read(record(b"\0\0\0\0\1" + body.getvalue()))


def test_a_letter_has_the_record_and_its_place() -> None:
    bad = Raw(3, 7, 1_000, b"k", b"v", ((DIGEST, b"d"),))

    def read(letter: Letter) -> Seen:
        pairs = tuple((name, raw) for name, raw in letter.headers if isinstance(raw, bytes))
        return seen(Raw(0, 0, 0, letter.key, letter.value, pairs))

    found = read(letter_of(bad, "bank", "PaymentSettled: why"))
    assert (found.category, found.error) == ("import", "PaymentSettled: why")
    assert (found.source, found.value, found.key) == ("bank/3/7", b"v", b"k")
    assert found.original == [(DIGEST, b"d")]
    again = read(letter_of(bad, "bank", "in other words", without_value=True))
    assert (again.id, again.value, again.left_out) == (found.id, b"", "value")
