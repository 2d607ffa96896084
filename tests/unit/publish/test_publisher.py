"""The publisher before it is open."""

from __future__ import annotations

import pytest

from minuet.errors import UsageError
from minuet.publish import AsyncPublisher, Publisher
from tests.unit.publish.order import OrderPlaced


def test_a_publisher_without_a_broker_says_where_to_name_one() -> None:
    for kind in (Publisher, AsyncPublisher):
        with pytest.raises(UsageError, match="MINUET_BOOTSTRAP_SERVERS"):
            kind("orders", "order_id", OrderPlaced)


def test_the_environment_names_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINUET_BOOTSTRAP_SERVERS", "kafka:9092")
    publisher = Publisher("orders", "order_id", OrderPlaced)
    assert publisher._connection.bootstrap == "kafka:9092"


def test_the_login_of_the_environment_is_for_the_broker_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MINUET_BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("MINUET_KAFKA__SASL_USERNAME", "ann")
    named = Publisher("orders", "order_id", OrderPlaced, options={"linger.ms": "5"})
    assert named._connection.options == {"sasl.username": "ann", "linger.ms": "5"}
    typed = Publisher("orders", "order_id", OrderPlaced, bootstrap="other:9092")
    assert typed._connection.options == {}


def test_a_publisher_that_is_not_open_says_so() -> None:
    publisher = Publisher("orders", "order_id", OrderPlaced, bootstrap="kafka:9092")
    with pytest.raises(UsageError, match="not open"):
        publisher.flush()
