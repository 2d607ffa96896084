from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import Field, create_model

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry, schema_id
from minuet.contracts.schema import Schema, avro_schema
from minuet.errors import ContractError, DefinitionError, UnreadableValue
from minuet.event.ids import body_digest
from minuet.event.model import Event
from minuet.event.platform import PLATFORM_EVENTS, SagaCompleted
from tests.unit.contracts.models import Everything, Line, OrderPlaced

MOMENT = datetime(2026, 11, 22, 16, 14, 16, 123457, tzinfo=UTC)


def an_order(**other: Any) -> OrderPlaced:
    fields: dict[str, Any] = {
        "order_id": "o-1", "customer": "c-1", "total": Decimal("12.30"), "placed_at": MOMENT,
        "items": 3, "note": "secret",
    }  # fmt: skip
    return OrderPlaced(**fields | other)


@pytest.fixture
def codec() -> Codec:
    return Codec([OrderPlaced, Everything], LocalRegistry())


def test_the_value_is_a_zero_byte_the_schema_id_and_the_body(codec: Codec) -> None:
    value, schema, digest = codec.encode(an_order())
    fingerprint = avro_schema(OrderPlaced).fingerprint
    assert value[:5] == b"\x00" + schema_id(fingerprint).to_bytes(4, "big")
    assert schema == b"urn:minuet:avro:" + fingerprint.encode()
    assert digest == body_digest(value[5:]).encode()


def test_the_body_is_pinned_to_the_byte(codec: Codec) -> None:
    body = codec.encode(an_order()).value[5:]
    assert body.hex() == "066f2d3106632d310404ce82a1f6ccf8b7b00606020c736563726574"


def test_the_schema_id_in_the_prefix_is_not_used_to_read(codec: Codec) -> None:
    value, schema, _ = codec.encode(an_order())
    elsewhere = b"\x00\x00\x00\x00\x07" + value[5:]
    assert codec.decode("OrderPlaced", schema, elsewhere) == an_order()


def test_a_decimal_keeps_its_value_and_gets_the_scale_of_its_field(codec: Codec) -> None:
    for text in ("5", "5.000", "1E+2", "-0.01", "-1.28", "1.27", "9999999999.99", "-0.00"):
        value, schema, _ = codec.encode(an_order(total=Decimal(text)))
        back = codec.decode("OrderPlaced", schema, value)
        assert isinstance(back, OrderPlaced)
        assert back.total == Decimal(text)
        assert back.total.as_tuple().exponent == -2


def test_equal_decimals_have_the_same_bytes(codec: Codec) -> None:
    assert codec.encode(an_order(total=Decimal(5))) == codec.encode(an_order(total=Decimal("5.0")))


def test_a_moment_comes_back_in_utc_to_the_microsecond(codec: Codec) -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=-7)))
    value, schema, _ = codec.encode(an_order(placed_at=there))
    back = codec.decode("OrderPlaced", schema, value)
    assert isinstance(back, OrderPlaced)
    assert back.placed_at == MOMENT
    assert back.placed_at.tzinfo is UTC


class Stocked(Event):
    stock: dict[str, int]


def test_the_order_in_which_a_dict_was_filled_does_not_change_the_bytes() -> None:
    codec = Codec([Stocked], LocalRegistry())
    one = codec.encode(Stocked(stock={"a": 1, "b": 2}))
    assert codec.encode(Stocked(stock={"b": 2, "a": 1})) == one


class Line2(Line):
    more: str


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"placed_at": MOMENT.replace(tzinfo=None)}, "placed_at: a datetime without a time zone"),
        ({"items": 2**63}, "items: .* 64 bits"),
        ({"items": 1.5}, "items: a whole number is needed, not float"),
        ({"items": True}, "items: a whole number is needed, not bool"),
        ({"total": Decimal("1.005")}, "total: not a decimal of 12 digits"),
        ({"total": Decimal("1E+10")}, "total: not a decimal of 12 digits"),
        ({"total": Decimal("NaN")}, "total: not a decimal of 12 digits"),
        ({"total": "1.00"}, "total: not a decimal of 12 digits"),
        ({"customer": "\ud800"}, "cannot be encoded: UnicodeEncodeError"),
        ({"customer": 7}, "cannot be encoded: TypeError"),
        ({"note": 7}, "cannot be encoded: ValueError"),
    ],
)
def test_what_a_copy_smuggled_past_the_model_is_refused(
    codec: Codec, change: dict[str, Any], why: str
) -> None:
    with pytest.raises(ContractError, match=f"OrderPlaced.*{why}"):
        codec.encode(an_order().model_copy(update=change))


def test_an_event_of_another_workflow_is_refused(codec: Codec) -> None:
    with pytest.raises(ContractError, match="Stocked is no event of this workflow"):
        codec.encode(Stocked(stock={}))


def test_why_a_value_is_unreadable_is_said(codec: Codec) -> None:
    value, schema, _ = codec.encode(an_order())
    bad = [
        ("OrderPlaced", schema, b"", "zero byte and a schema id"),
        ("OrderPlaced", schema, b"\x01" + value[1:], "zero byte and a schema id"),
        ("OrderPlaced", schema, value[:-1], "truncated"),
        ("OrderPlaced", schema, value[:5], "truncated"),
        ("OrderPlaced", schema, value + b"\x00\x00", "2 bytes are left"),
        ("OrderPlaced", schema[:-1] + b"?", value, "nobody registered"),
        ("OrderPlaced", b"", value, "nobody registered"),
        ("OrderPlaced", b"\xff", value, "nobody registered"),
        ("Unheard", schema, value, "Unheard is no event of this workflow"),
    ]
    for event_type, header, bytes_, why in bad:
        with pytest.raises(UnreadableValue, match=why):
            codec.decode(event_type, header, bytes_)


def test_any_cut_of_a_value_is_unreadable_and_never_another_event(codec: Codec) -> None:
    value, schema, _ = codec.encode(an_order())
    for cut in range(len(value)):
        with pytest.raises(UnreadableValue):
            codec.decode("OrderPlaced", schema, value[:cut])


def test_a_value_that_the_model_refuses_is_named_by_field_and_not_shown() -> None:
    registry = LocalRegistry()
    wide: Any = _model("Priced", note=(str, ...))
    narrow = _model("Priced", note=(str, Field(max_length=3)))
    value, schema, _ = Codec([wide], registry).encode(wide(note="a secret too long"))
    with pytest.raises(UnreadableValue, match=r"the model refuses: note: .*at most 3") as caught:
        Codec([narrow], registry).decode("Priced", schema, value)
    assert "secret" not in str(caught.value)


def test_a_validator_that_raises_anything_makes_the_value_unreadable() -> None:
    class Fragile(Event):
        note: str

        def model_post_init(self, context: Any, /) -> None:
            if self.note == "break":
                raise KeyError(self.note)

    codec = Codec([Fragile], LocalRegistry())
    value, schema, _ = codec.encode(Fragile(note="").model_copy(update={"note": "break"}))
    with pytest.raises(UnreadableValue, match="the model refuses: KeyError"):
        codec.decode("Fragile", schema, value)


def test_platform_events_are_always_known() -> None:
    codec = Codec([], LocalRegistry())
    event = SagaCompleted(saga_id="o-1")
    value, schema, _ = codec.encode(event)
    assert codec.decode("SagaCompleted", schema, value) == event
    assert all(codec.model(name) is model for name, model in PLATFORM_EVENTS.items())


def test_models_and_fields_are_found_by_event_type(codec: Codec) -> None:
    assert codec.model("OrderPlaced") is OrderPlaced
    assert codec.fields("SagaCompleted") == ("saga_id",)
    with pytest.raises(ContractError, match="Unheard"):
        codec.model("Unheard")


def test_two_models_of_one_name_are_refused() -> None:
    other = _model("OrderPlaced", order_id=(str, ...))
    with pytest.raises(DefinitionError, match="two events are named OrderPlaced"):
        Codec([OrderPlaced, other], LocalRegistry())
    with pytest.raises(DefinitionError, match="two events are named SagaCompleted"):
        Codec([_model("SagaCompleted")], LocalRegistry())


class CountingRegistry(LocalRegistry):
    def __init__(self) -> None:
        super().__init__()
        self.registered: list[str] = []

    def register(self, schema: Schema) -> int:
        self.registered.append(schema.name)
        return super().register(schema)


def test_a_schema_is_registered_once_at_the_first_encode() -> None:
    registry = CountingRegistry()
    codec = Codec([OrderPlaced], registry)
    assert registry.registered == []
    codec.encode(an_order())
    codec.encode(an_order())
    assert registry.registered == ["models.OrderPlaced"]


def test_register_registers_the_rest_at_once() -> None:
    registry = CountingRegistry()
    codec = Codec([OrderPlaced], registry)
    codec.encode(an_order())
    codec.register()
    assert len(registry.registered) == 1 + len(PLATFORM_EVENTS)
    assert registry.registered.count("models.OrderPlaced") == 1


def _model(name: str, **fields: Any) -> type[Event]:
    model: type[Event] = create_model(name, __base__=Event, __module__="made", **fields)
    return model
