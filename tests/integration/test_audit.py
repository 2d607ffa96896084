"""The auditor before a log and a ledger in which something is wrong: it says what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from minuet.chaos import Audit
from minuet.chaos.audit import audit
from minuet.event.ids import slot_id
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.partitioner import partition_of
from minuet.shop.ledger import Entry, Ledger
from minuet.spec.model import Spec
from tests.unit.core.story import ORDERS


def said(id: str, kind: str, step: str = "", *causes: str) -> list[tuple[str, bytes]]:
    """The headers of an event, of a step's answer where one is named."""
    slot = slot_id("", causes, step) if step else ""
    words = {"ce_id": id, "ce_type": kind, "ce_slot": slot, "ce_causes": ",".join(causes)}
    return [(name, word.encode()) for name, word in words.items()]


COMPLETED = (
    said("b", "OrderPlaced"),
    said("r", "StockReserved", "reserve_stock", "b"),
    said("f", "FraudCleared", "screen_fraud", "b"),
    said("p", "PaymentCharged", "charge_payment", "r", "f", "b"),
    said("s", "ShipmentBooked", "book_shipment", "p", "b"),
    said("c", "OrderConfirmed", "confirm_order", "s"),
    said("e", "SagaCompleted"),
)
RESERVED = slot_id("", ("b",), "reserve_stock")
CHARGED = slot_id("", ("r", "f", "b"), "charge_payment")
BOOKED = slot_id("", ("p", "b"), "book_shipment")


def done(key: str, effect: str, reference: str, undoes: str = "") -> Entry:
    return Entry(key, "", effect, "", reference, "", undoes, 0)


EFFECTS = (
    done(RESERVED, "stock/reserve", "shelf-1"),
    done(CHARGED, "payments/charge", "receipt-1"),
    done(BOOKED, "shipping/book", "parcel-1"),
)


class Desk:
    """A workflow of its own whose log and ledger are written by hand."""

    def __init__(self, kafka: str, folder: Path) -> None:
        self.spec: Spec = replace(ORDERS, name=f"audited-{uuid4().hex[:8]}")
        self.connection = Connection(kafka)
        self._file = folder / "ledger.sqlite"
        self._ledger = Ledger(self._file)
        topics.apply(self.connection, topics.plan(self.spec))

    def log(self, saga: str, records: Iterable[list[tuple[str, bytes]]]) -> None:
        producer, key = self.connection.producer(), saga.encode()
        partition = partition_of(key, self.spec.partitions)
        for headers in records:
            producer.produce(self.spec.log_topic, b"", key, partition, headers=dict(headers))
        assert not producer.flush(30)

    def ledger(self, saga: str, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._ledger.write(replace(entry, workflow=self.spec.name, saga=saga))

    def found(self, *acked: str) -> Audit:
        return audit(self.connection, self.spec, acked, self._file)[0]


@pytest.fixture
def desk(kafka: str, tmp_path: Path) -> Desk:
    return Desk(kafka, tmp_path)


def test_a_good_log_and_ledger_have_no_violation(desk: Desk) -> None:
    desk.log("o-1", COMPLETED)
    desk.ledger("o-1", EFFECTS)
    found = desk.found("o-1")
    assert (found.violations, found.sagas, found.effects) == ([], 1, 3)


def test_a_saga_that_was_acknowledged_and_is_not_there_is_lost(desk: Desk) -> None:
    desk.log("o-1", COMPLETED)
    desk.ledger("o-1", EFFECTS)
    found = desk.found("o-1", "o-2")
    assert found.lost == 1
    assert found.violations == ["lost: o-2 was acknowledged, and is not on the log"]


def test_a_run_in_which_nothing_was_acknowledged_shows_nothing(desk: Desk) -> None:
    assert desk.found().violated == 1


@pytest.mark.parametrize(
    ("records", "entries", "says"),
    [
        pytest.param(
            COMPLETED[:-1], EFFECTS,
            ["ends: o-1: it has not ended, and waits for no person"],
            id="an end is missing",
        ),
        pytest.param(
            COMPLETED, (*EFFECTS, done("again", "payments/charge", "receipt-2")),
            [
                "effect: o-1: payments/charge was done under again, "
                "and nothing on the log asks for it",
                "effect: o-1: it completed, and payments/charge is effective 2 times",
            ],
            id="an effect is there twice",
        ),
        pytest.param(
            COMPLETED, (*EFFECTS, done("back", "payments/refund", "refund-1", "receipt-1")),
            [
                "effect: o-1: payments/refund was done under back, "
                "and nothing on the log asks for it",
                "effect: o-1: payments/charge was undone, and nobody asked for it",
            ],
            id="an effect that stands is undone",
        ),
        pytest.param(
            COMPLETED, EFFECTS[:-1],
            [
                "effect: o-1: the log says ShipmentBooked, "
                f"and the ledger has no effect under {BOOKED}"
            ],
            id="an effect is missing",
        ),
        pytest.param(
            (*COMPLETED, said("e2", "SagaCompensated")), EFFECTS,
            ["ends: o-1: it ended more than once: SagaCompleted, SagaCompensated"],
            id="it ends twice",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(
    desk: Desk, records: tuple[list[tuple[str, bytes]], ...], entries: tuple[Entry, ...],
    says: list[str],
) -> None:  # fmt: skip
    desk.log("o-1", records)
    desk.ledger("o-1", entries)
    assert desk.found("o-1").violations == says


def test_effects_of_a_saga_that_the_log_does_not_know_are_told(desk: Desk) -> None:
    desk.log("o-1", COMPLETED)
    desk.ledger("o-1", EFFECTS)
    desk.ledger("o-2", [done("lost", "payments/charge", "receipt-7")])
    assert desk.found("o-1").violations == [
        "effect: o-2: the ledger has effects, and the log does not know it"
    ]
