"""A registry over Kafka's memory: what is remembered when it fails, and what stays refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from minuet.contracts.schema import Schema, avro_schema
from minuet.errors import BrokerError, RegistryAway, RegistryError, UsageError
from minuet.kafka import registries
from minuet.kafka.registries import BackgroundRegistry, ServiceRegistry
from minuet.kafka.schema_reasons import Refused
from minuet.kafka.schema_texts import Registered
from minuet.settings.registry import Registry as Settings
from tests.unit.contracts.models import OrderPlaced

SCHEMA = avro_schema(OrderPlaced)


@dataclass
class Service:
    """A registry that says what it is told to."""

    says: Callable[[], int | None]
    settings: Settings = field(default_factory=lambda: Settings("http://registry"))
    version: None = None

    def find(self, schema: Schema) -> int | None:
        return self.says()

    def by_id(self, number: int) -> Registered:
        return Registered(number, 1, SCHEMA.text)


@dataclass
class Memory:
    """Kafka's memory, which may not take what it is given."""

    known: int | None = None
    fails: list[Exception] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)

    def find(self, fingerprint: str, number: int = 0) -> None:
        return None

    def id_at(self, address: str, fingerprint: str) -> int | None:
        return self.known

    def keep(self, schema: Schema, address: str, number: int) -> None:
        if self.fails:
            raise self.fails.pop()
        self.kept.append(number)


def over(kind: type[Any], memory: Memory, says: Callable[[], int | None] = lambda: 7) -> Any:
    return kind(cast("Any", Service(says)), cast("Any", memory))


def fails(error: Exception) -> Callable[[], int | None]:
    def say() -> int | None:
        raise error

    return say


@pytest.mark.parametrize(
    "error", [RegistryAway("is away"), RegistryError("refuses the token"), RegistryError("no such")]
)
def test_an_id_that_kafka_knows_serves_where_the_registry_cannot_be_asked(
    error: Exception,
) -> None:
    assert over(ServiceRegistry, Memory(known=7), fails(error)).register(SCHEMA) == 7
    with pytest.raises(type(error), match=str(error)):
        over(ServiceRegistry, Memory(), fails(error)).register(SCHEMA)


def test_what_is_refused_or_not_registered_stays_so_whatever_is_remembered() -> None:
    with pytest.raises(Refused, match="incompatible"):
        over(ServiceRegistry, Memory(known=7), fails(Refused("incompatible"))).register(SCHEMA)
    with pytest.raises(Refused, match="run `minuet schemas register`"):
        over(ServiceRegistry, Memory(known=7), lambda: None).register(SCHEMA)


def test_kafka_is_written_to_again_after_it_did_not_take_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1_000.0]
    monkeypatch.setattr(registries, "monotonic", lambda: now[0])
    memory = Memory(fails=[BrokerError("away")])
    registry = over(ServiceRegistry, memory)
    for _ in range(2):
        registry._keep(SCHEMA, 7)
    assert memory.kept == []
    now[0] += registries._KEEP_AGAIN_S
    registry._keep(SCHEMA, 7)
    assert memory.kept == [7]


def answer(registry: BackgroundRegistry, number: int) -> Schema | None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            return registry.find(SCHEMA.fingerprint, number)
        except RegistryAway:
            time.sleep(0.01)
    raise AssertionError


def test_questions_are_answered_after_one_could_not_be_kept() -> None:
    memory = Memory(fails=[UsageError("there is no such topic")])
    registry = over(BackgroundRegistry, memory)
    assert answer(registry, 7) == SCHEMA
    registry._schemas.clear()
    assert answer(registry, 8) == SCHEMA
