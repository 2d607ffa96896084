"""`orders` begins `refunds`: what one says is given to the other, both on the model broker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from coordinators.orders import orders as shipped
from minuet import RetryLater
from minuet.core.state import Status
from minuet.engines.simulated import Happening, Settings
from minuet.engines.simulation import Outcome, simulate
from minuet.spec.assemble import Workflow, assemble
from minuet.spec.project import load
from schemas.orders import OrderPlaced
from schemas.refunds import RefundRequested
from streams.orders.resources import Refunds

ROOT = Path(__file__).resolve().parents[3]
LINES = (ROOT / "examples" / "orders.jsonl").read_text(encoding="utf-8").splitlines()[:150]
PLACED = [OrderPlaced.model_validate_json(line) for line in LINES]


class Recorded:
    """Takes what would be published, each time it is; its first answer for a key is lost."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, RefundRequested]] = []

    async def begin(self, refund: RefundRequested, *, key: str) -> None:
        lost = all(known != key for known, _ in self.begun)
        self.begun.append((key, refund))
        if lost:
            why = "it was published, and the answer was lost"
            raise RetryLater(why)


def recording(begun: Recorded) -> Workflow:
    """The shipped `orders`, its refunds recorded."""
    saga = replace(shipped)
    for resource, forms in shipped.provided.items():
        simulated = (lambda: begun) if resource is Refunds else forms.simulated
        saga.provide(resource, simulated=simulated)
    return assemble(saga, load("orders", ROOT).steps.values())


def said(outcome: Outcome, kind: str) -> Iterator[str]:
    for stored in outcome.log:
        if (b"ce_type", kind.encode()) in {(k.encode(), v) for k, v in stored.headers}:
            yield (stored.key or b"").decode()


@pytest.fixture(scope="module")
def begun() -> Recorded:
    begun = Recorded()
    script = tuple(
        Happening(at, what, 0)  # type: ignore[arg-type]
        for at, what in ((40, "kill"), (60, "start"), (120, "kill"), (140, "start"))
    )
    settings = Settings(workers=1, spread_ms=200, script=script)
    outcome = simulate(recording(begun), 7, events=PLACED, settings=settings)
    assert {s.status for s in outcome.sagas.values()} == {Status.COMPLETED, Status.COMPENSATED}
    assert {refund.order_id for _, refund in begun.begun} == set(said(outcome, "RefundRequested"))
    return begun


def test_an_order_begins_its_refund_under_one_key_with_one_content(begun: Recorded) -> None:
    distinct = {(key, refund.model_dump_json()) for key, refund in begun.begun}
    assert max(Counter(refund.order_id for _, refund in begun.begun).values()) > 1  # it ran again
    assert len(distinct) == len({refund.order_id for _, refund in begun.begun}) > 10


def test_refunds_that_are_begun_end_each_in_its_way(begun: Recorded) -> None:
    refunds = {refund.order_id: refund for _, refund in begun.begun}
    workflow = load("refunds", ROOT)
    outcome = simulate(workflow, 7, events=[refund for _, refund in begun.begun])
    assert outcome.sagas.keys() == refunds.keys()
    for key, saga in outcome.sagas.items():
        fails = refunds[key].amount < 5 or refunds[key].card.endswith("7")
        assert saga.status is (Status.COMPENSATED if fails else Status.COMPLETED)
    withdrawn = set(said(outcome, "ClaimWithdrawn"))
    assert withdrawn == set(said(outcome, "CardClosed"))
    assert withdrawn
