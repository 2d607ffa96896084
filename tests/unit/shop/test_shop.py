"""The shop by HTTP in this process: its answers, its switches, its ledger held against a log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from minuet.event.record import Record
from minuet.shop.application import Services, Switches, application
from minuet.shop.ledger import Ledger
from minuet.verify.effects import Effect, Said, compare
from schemas.orders import OrderPlaced
from streams.orders.simulated import (
    SimulatedFraudScreening,
    SimulatedPayments,
    SimulatedShipping,
    SimulatedWarehouse,
)
from streams.refunds.simulated import SimulatedClaims, SimulatedPayouts
from tests.unit.core.story import ORDERS as SPEC

ROOT = Path(__file__).resolve().parents[3]
LINES = (ROOT / "examples" / "orders.jsonl").read_text(encoding="utf-8").splitlines()[:120]
RESERVE = {"workflow": "orders", "saga": "o-1", "sku": "lamp", "quantity": 2}


@pytest.fixture
def services() -> Iterator[Services]:
    ledger = Ledger(":memory:")
    yield Services(ledger, Switches())
    ledger.close()


def post(services: Services, what: str, key: str = "", **body: object) -> httpx.Response:
    return request(services, "POST", what, key, body)


def request(
    services: Services, method: str, what: str, key: str, body: dict[str, object]
) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(application(services))
        headers = {"Idempotency-Key": key} if key else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return await client.request(method, f"/{what}", json=body, headers=headers)

    return asyncio.run(send())


def effects(services: Services) -> list[Effect]:
    found = request(services, "GET", "ledger?workflow=orders", "", {}).json()
    return [Effect(**row) for row in found["effects"]]


def test_the_same_key_gives_the_same_answer_and_one_effect(services: Services) -> None:
    once, again = (post(services, "stock/reserve", "k" * 9, **RESERVE).json() for _ in range(2))
    assert once == again == {"reference": "shelf-kkkkkkkk", "refused": "", "late_days": 0}
    row = Effect("k" * 9, "stock/reserve", "o-1", "shelf-kkkkkkkk", "", 2)
    assert effects(services) == [row]


def test_what_is_refused_is_no_effect_and_stays_refused(services: Services) -> None:
    body = {**RESERVE, "quantity": 21}
    said = [post(services, "stock/reserve", "a", **body).json()["refused"] for _ in range(2)]
    assert said == ["21 of lamp ordered, 20 on the shelf"] * 2
    assert effects(services) == []


@pytest.mark.parametrize(
    ("what", "key", "body", "status"),
    [
        ("stock/reserve", "", RESERVE, 400),
        ("stock/reserve", "a", {"sku": "lamp"}, 422),
        ("payments/charge", "a", {}, 422),
        ("payments/refund", "a", {}, 422),
        ("fraud/score", "", {"customer": "ada", "total": "much"}, 422),
        ("stock/steal", "a", RESERVE, 404),
    ],
)
def test_a_wrong_call_is_told_apart(
    services: Services, what: str, key: str, body: dict[str, object], status: int
) -> None:
    assert post(services, what, key, **body).status_code == status
    assert effects(services) == []


def test_a_key_is_for_one_thing(services: Services) -> None:
    post(services, "stock/reserve", "a", **RESERVE)
    assert post(services, "shipping/book", "a", country="SE").status_code == 422


@pytest.mark.parametrize(("switch", "status"), [({"outage": True}, 503), ({"failure": 1}, 500)])
def test_a_switch_stops_the_services_while_they_run(
    services: Services, switch: dict[str, object], status: int
) -> None:
    assert request(services, "PATCH", "switches", "", switch).status_code == 200
    assert post(services, "stock/reserve", "a", **RESERVE).status_code == status
    assert effects(services) == []


def test_a_dropped_answer_leaves_its_effect(services: Services) -> None:
    request(services, "PATCH", "switches", "", {"drop": 1})
    with suppress(AssertionError):  # httpx's own: in one process no connection can break
        post(services, "stock/reserve", "a", **RESERVE)
    assert [row.effect for row in effects(services)] == ["stock/reserve"]


@pytest.mark.parametrize("wrong", [{"failure": 2}, {"outrage": True}])
def test_a_switch_that_is_none_is_refused_and_changes_nothing(
    services: Services, wrong: dict[str, object]
) -> None:
    assert request(services, "PATCH", "switches", "", wrong).status_code == 422
    assert services.switches == Switches()


def test_the_shop_answers_as_the_simulated_services(services: Services) -> None:
    def done(what: str, key: str, **asked: object) -> tuple[str, str, int]:
        said = services.do(what, key, asked)
        return said["reference"], said["refused"], said["late_days"]

    async def alike(number: int, order: OrderPlaced) -> None:
        reserved = await SimulatedWarehouse().reserve("", order.sku, order.quantity, key="a")
        charged = await SimulatedPayments().charge("", order.card, order.total, key="b")
        booked = await SimulatedShipping().book("", order.country, key="c")
        paid = await SimulatedPayouts().pay("", order.card, order.total, key="d")
        tenth = order.total / Decimal(10)
        claimed = await SimulatedClaims().file("", "", tenth, key="e")
        asked = order.model_dump(mode="json") | {"amount": str(tenth)}
        for (what, says), key in zip(
            {
                "stock/reserve": reserved, "payments/charge": charged, "shipping/book": booked,
                "payments/payout": paid, "shipping/claim": claimed,
            }.items(),
            "abcde", strict=True,
        ):  # fmt: skip
            found = done(what, f"{key}-{number}", **asked)
            assert (bool(found[0]), *found[1:]) == (bool(says.reference), *says[1:])

    orders = [OrderPlaced.model_validate_json(line) for line in LINES]
    for number, order in enumerate(orders):
        asyncio.run(alike(number, order))
        score = asyncio.run(SimulatedFraudScreening().score(order.customer, order.total))
        if number < 3 or score > 50:
            body = {"customer": order.customer, "total": str(order.total)}
            assert post(services, "fraud/score", **body).json() == {"score": score}


# Held against the log

CHARGE = Effect("s-1", "charge", "o-1", "receipt-1")
REFUND = Effect("s-2", "refund", "o-1", "refund-1", "receipt-1")


def said(*records: tuple[str, str]) -> Said:
    found = Said(SPEC)
    for kind, slot in (("OrderPlaced", ""), *records):
        found.take(Record("o-1", 0, 0, f"{kind}{slot}", kind, slot, b"", {}))
    return found


CHARGED, REFUNDED = ("PaymentCharged", "s-1"), ("PaymentRefunded", "s-2")
COMPLETED, COMPENSATED = ("SagaCompleted", ""), ("SagaCompensated", "")


@pytest.mark.parametrize(
    ("records", "ledger", "differs"),
    [
        ([CHARGED, COMPLETED], [CHARGE], ""),
        ([CHARGED, REFUNDED, COMPENSATED], [CHARGE, REFUND], ""),
        ([COMPENSATED], [], ""),
        ([], [CHARGE], ""),
        ([CHARGED], [], "the log says PaymentCharged, and the ledger has no effect under s-1"),
        ([COMPENSATED], [CHARGE], "charge was done under s-1, and the log has no such answer"),
        ([CHARGED, COMPENSATED], [CHARGE], "it failed, and charge is not undone (1 times)"),
        ([CHARGED, REFUNDED, COMPLETED], [CHARGE, REFUND], "completed, and charge stands 0 times"),
        (
            [CHARGED, ("PaymentCharged", "s-3"), COMPLETED],
            [CHARGE, Effect("s-3", "charge", "o-1", "receipt-3")],
            "it completed, and charge stands 2 times",
        ),
        (
            [CHARGED, REFUNDED, ("PaymentRefunded", "s-3"), COMPENSATED],
            [CHARGE, REFUND, Effect("s-3", "refund", "o-1", "refund-3", "receipt-1")],
            "charge (receipt-1) was undone 2 times",
        ),
        ([REFUNDED, COMPENSATED], [REFUND], "receipt-1 was undone, and never done"),
        ([], [Effect("s-9", "charge", "o-9", "receipt-9")], "o-9: the ledger has charge, and the"),
    ],
)
def test_the_ledger_is_held_against_the_log(
    records: list[tuple[str, str]], ledger: list[Effect], differs: str
) -> None:
    found = compare(said(*records), ledger)
    assert found.ok is not bool(differs)
    assert differs in "\n".join(found.differences)


def test_a_saga_that_began_while_the_log_was_read_is_not_judged() -> None:
    log = Said(SPEC)
    assert not compare(log, [CHARGE], before={CHARGE.key}).ok
    found = compare(log, [CHARGE], before=set())
    assert (found.ok, found.open) == (True, 1)
