"""Records of other systems: what can be read is exact, what cannot has a reason without values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from threading import Thread
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastavro import parse_schema, schemaless_writer
from pydantic import BaseModel, Field

from minuet.errors import ContractError, RegistryAway, RegistryError, UsageError
from minuet.event.model import Event
from minuet.publish.foreign import Foreign, in_files, in_registry, mapping_of
from minuet.settings.registry import Registry as Settings

SCHEMA: dict[str, Any] = {
    "type": "record", "name": "Order", "namespace": "legacy", "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "amount", "type": {
            "type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 4}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "channel", "type": {"type": "enum", "name": "Channel", "symbols": ["WEB", "FAX"]}},
        {"name": "items", "type": {"type": "array", "items": {
            "type": "record", "name": "Item", "fields": [{"name": "sku", "type": "string"}]}}},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "internal", "type": "bytes"},
    ],
}  # fmt: skip


class Channel(Enum):
    WEB = "WEB"


class Item(BaseModel):
    sku: str


class Placed(Event):
    order_id: UUID
    total: Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
    at: datetime
    channel: Channel
    items: list[Item]
    note: str | None = None


ORDER: dict[str, Any] = {
    "id": UUID(int=7), "amount": Decimal("12.5000"), "at": datetime(2026, 11, 22, 10, tzinfo=UTC),
    "channel": "WEB", "items": [{"sku": "lamp"}], "note": None, "internal": b"\xff",
}  # fmt: skip
MAPPING = {"order_id": "id", "total": "amount"}


def wire(record: Mapping[str, Any], number: int = 3) -> bytes:
    buffer = BytesIO()
    schemaless_writer(buffer, parse_schema(SCHEMA), record)
    return b"\x00" + number.to_bytes(4, "big") + buffer.getvalue()


def foreign(schema: object = SCHEMA, mapping: Mapping[str, str] = MAPPING) -> Foreign:
    return Foreign(Placed, mapping, in_files({3: json.dumps(schema)}))


def test_a_record_is_an_exact_event_its_fields_mapped_or_of_the_same_name() -> None:
    assert foreign().read(wire(ORDER)) == Placed(
        order_id=UUID(int=7), total=Decimal("12.5"), at=datetime(2026, 11, 22, 10, tzinfo=UTC),
        channel=Channel.WEB, items=[Item(sku="lamp")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"amount": Decimal("12.3456")}, "total: Decimal input should have no more than 2 decimal"),
        ({"channel": "FAX"}, "channel: Input should be 'WEB'"),
    ],
)
def test_what_the_model_does_not_take_is_refused_not_rounded(
    change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ContractError) as refused:
        foreign().read(wire(ORDER | change))
    assert str(refused.value).startswith(reason)
    assert "12.3456" not in str(refused.value)


def test_a_field_that_is_not_mapped_is_missing() -> None:
    with pytest.raises(ContractError, match="order_id: Field required"):
        foreign(mapping={"total": "amount"}).read(wire(ORDER))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "does not begin with a zero byte"),
        (b"", "does not begin with a zero byte"),
        (b"\x01\x00\x00\x00\x03", "does not begin with a zero byte"),
        (wire(ORDER)[:-3], "no such Avro, by schema 3"),
        (wire(ORDER) + b"x", "bytes are left"),
        (wire(ORDER, 4), "nobody gave the schema 4"),
    ],
)
def test_bytes_that_are_no_such_record_are_refused(value: bytes | None, reason: str) -> None:
    with pytest.raises(ContractError, match=reason):
        foreign().read(value)


@pytest.mark.parametrize(
    "schema", ["nonsense", {"type": "record"}, {"type": "array", "items": "null"}]
)
def test_a_schema_that_cannot_be_used_refuses_its_records(schema: object) -> None:
    with pytest.raises(ContractError, match="schema 3 cannot be used"):
        foreign(schema).read(wire(ORDER))


def test_one_schema_may_be_for_all_ids() -> None:
    found = Foreign(Placed, MAPPING, in_files({None: json.dumps(SCHEMA)}))
    assert found.read(wire(ORDER, 3)) == found.read(wire(ORDER, 900))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("order_id", "write FIELD=THEIRS"),
        ("order_id=", "write FIELD=THEIRS"),
        ("ordr=id", "ordr is no field of Placed; it has: order_id, total"),
        ("total=a,total=b", "total is mapped twice"),
    ],
)
def test_a_wrong_mapping_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        mapping_of(text, Placed)


def test_a_mapping_is_pairs_joined_by_commas() -> None:
    assert mapping_of(" order_id=id, total = amount,", Placed) == MAPPING
    assert mapping_of("", Placed) == {}


class Registry(BaseHTTPRequestHandler):
    """Answers as Confluent's interface does."""

    def do_GET(self) -> None:
        known = {"/schemas/ids/3": {"schema": json.dumps(SCHEMA)}, "/schemas/ids/5": {"other": 1}}
        body = json.dumps(known.get(self.path, {"error_code": 40403})).encode()
        self.send_response(200 if self.path in known else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_schemas_come_from_a_registry_by_their_id() -> None:
    with HTTPServer(("127.0.0.1", 0), Registry) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/"
        try:
            found = Foreign(Placed, MAPPING, in_registry(Settings(url)))
            assert found.read(wire(ORDER)) == foreign().read(wire(ORDER))
            with pytest.raises(ContractError, match="the registry has no schema 4"):
                found.read(wire(ORDER, 4))
            with pytest.raises(RegistryError, match="is no schema registry"):
                found.read(wire(ORDER, 5))
        finally:
            server.shutdown()
            thread.join()
    with pytest.raises(RegistryAway, match="refused"):
        Foreign(Placed, MAPPING, in_registry(Settings(url))).read(wire(ORDER))
    with pytest.raises(ValueError, match="write http"):
        Settings(url).at("file:///etc")
