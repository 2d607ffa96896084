"""An event made ready for the log."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum

import pytest

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.errors import ContractError
from minuet.event import ids, record
from minuet.event.model import Event
from minuet.publish.envelope import Envelope
from tests.unit.publish.order import OrderPlaced

ORDER = OrderPlaced(order_id="o-1", total=Decimal("12.50"), placed_at=datetime.now(UTC))
CODEC = Codec([OrderPlaced], LocalRegistry())


def envelope(*models: type[Event]) -> Envelope:
    return Envelope("orders", "order_id", models or [OrderPlaced], CODEC)


def test_the_key_is_the_sagas_id_and_the_value_can_be_read_back() -> None:
    sealed = envelope().seal(ORDER, 0)
    headers = {name: value for name, value in sealed.headers if isinstance(value, bytes)}
    assert sealed.key == b"o-1"
    assert CODEC.decode("OrderPlaced", headers[record.SCHEMA], sealed.value) == ORDER


def test_the_headers_are_cloudevents_with_schema_and_digest() -> None:
    sealed = envelope().seal(ORDER, 1_000, traceparent="00-ab-cd-01")
    assert dict(sealed.headers) == {
        record.SPEC_VERSION: b"1.0",
        record.ID: sealed.id.encode(),
        record.TYPE: b"OrderPlaced",
        record.SOURCE: b"/orders/publisher",
        record.TIME: b"1970-01-01T00:00:01.000Z",
        record.SCHEMA: CODEC.encode(ORDER).schema,
        record.DIGEST: CODEC.encode(ORDER).digest,
        record.TRACEPARENT: b"00-ab-cd-01",
    }


def test_without_an_upstream_id_a_key_begins_once() -> None:
    other = ORDER.model_copy(update={"total": Decimal("1.00")})
    first, second = envelope().seal(ORDER, 0), envelope().seal(other, 99)
    assert first.id == second.id == ids.begin_id("orders", "OrderPlaced", "o-1")
    assert first.digest != second.digest


def test_an_upstream_id_is_taken() -> None:
    assert envelope().seal(ORDER, 0, id="shop-77").id == "shop-77"


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(ContractError, match="cannot be empty"):
        envelope().seal(ORDER.model_copy(update={"order_id": ""}), 0)


def test_an_event_of_another_type_is_refused() -> None:
    class Other(Event):
        order_id: str

    with pytest.raises(ContractError, match="Other is not one of the models"):
        envelope().seal(Other(order_id="o-1"), 0)


def test_a_model_without_the_key_is_refused_before_anything_is_sent() -> None:
    class Keyless(Event):
        name: str

    with pytest.raises(ContractError, match="Keyless has no field 'order_id'"):
        envelope(Keyless)


def test_an_enum_as_key_is_its_value() -> None:
    class Shop(Enum):
        NORTH = "north"

    class ShopOpened(Event):
        order_id: Shop

    codec = Codec([ShopOpened], LocalRegistry())
    sealed = Envelope("shops", "order_id", [ShopOpened], codec).seal(
        ShopOpened(order_id=Shop.NORTH), 0
    )
    assert sealed.key == b"north"
