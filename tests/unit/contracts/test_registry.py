from __future__ import annotations

from minuet.contracts.registry import LocalRegistry, schema_id
from minuet.contracts.schema import avro_schema
from tests.unit.contracts.models import OrderPlaced


def test_a_registered_schema_is_found_by_its_fingerprint() -> None:
    registry, schema = LocalRegistry(), avro_schema(OrderPlaced)
    assert registry.find(schema.fingerprint) is None
    assert registry.register(schema) == registry.register(schema)
    assert registry.find(schema.fingerprint) == schema


def test_an_id_is_the_first_31_bits_of_the_fingerprint() -> None:
    assert schema_id("ffffffff00000000") == 2**31 - 1
    assert schema_id("00000003ffffffff") == 1
