"""What becomes of a dead letter as its saga stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.event.ids import action_id, attempt_id, dead_letter_id
from minuet.event.record import ID, TYPE
from minuet.inspection.letters import Letter, letter_of
from minuet.kafka.raw import Raw
from minuet.redrive.judge import Left, Ready, judge
from tests.unit.action.situations import parked, parked_again, parked_twice, resumed
from tests.unit.core.story import Story, placed

CODEC = Codec([], LocalRegistry())


def letter_about(order: Story, step: str, attempt: int) -> Letter:
    """The letter that a worker writes before it says that the step gave up."""
    slot = order.slot(step).id
    headers = {
        ID: "x",
        TYPE: "OrderPlaced",
        "minuet_letter": dead_letter_id("orders.events", 0, 0, slot, attempt),
        "minuet_category": "retry",
        "minuet_step": step,
        "minuet_slot": slot,
        "minuet_attempt": str(attempt),
    }
    return letter(order.key, headers)


def letter(key: str, headers: dict[str, str]) -> Letter:
    pairs = tuple((name, text.encode()) for name, text in headers.items())
    return letter_of(Raw(0, 7, 1, key.encode(), b"value", pairs))


def judged(order: Story, one: Letter) -> Ready | Left:
    return judge(order.plan, CODEC, one, order.state, 3, order.now)


def test_a_step_that_is_parked_is_resumed_by_the_event_of_a_persons_own_resume() -> None:
    order = parked()
    one = letter_about(order, "reserve_stock", 6)
    found = judged(order, one)
    assert isinstance(found, Ready)
    assert (found.act, found.view and found.view.history.partition) == ("resume", 3)
    assert found.id == action_id("StepResumed", attempt_id(one.slot, "StepGaveUp", 6))


def test_of_two_parked_steps_each_letter_is_about_its_own() -> None:
    order = parked_twice()
    both = [judged(order, letter_about(order, s, 6)) for s in ("reserve_stock", "screen_fraud")]
    deeds = [each.deed for each in both if isinstance(each, Ready)]
    assert [deed.step for deed in deeds if deed] == ["reserve_stock", "screen_fraud"]


@pytest.mark.parametrize(
    ("situation", "attempt", "why", "settled"),
    [
        (resumed, 6, "a person resumed its step", True),
        (parked_again, 6, "the same step gave up again", True),
        (parked, 7, "its worker is about to say", False),
        (placed, 1, "its step waits for nobody", True),
    ],
)
def test_what_is_not_parked_at_that_attempt_is_left(
    situation: Callable[[], Story], attempt: int, why: str, settled: bool
) -> None:
    order = situation()
    found = judged(order, letter_about(order, "reserve_stock", attempt))
    assert isinstance(found, Left)
    assert found.why.startswith(why)
    assert found.settled == settled


def test_what_gave_up_again_is_resumed_under_another_id() -> None:
    first = judged(parked(), letter_about(parked(), "reserve_stock", 6))
    order = parked_again()
    second = judged(order, letter_about(order, "reserve_stock", 12))
    assert isinstance(first, Ready)
    assert isinstance(second, Ready)
    assert first.id != second.id


def test_of_a_saga_that_nobody_knows_any_more_nothing_is_to_be_done() -> None:
    order = parked()
    one = letter_about(order, "reserve_stock", 6)
    found = judge(order.plan, CODEC, one, None, 0, order.now)
    assert found == Left(one, "its saga is kept no longer", True)


def test_an_answer_that_came_late_settles_its_letter() -> None:
    order = parked()
    one = letter_about(order, "reserve_stock", 6)
    order.answers("reserve_stock", "StockReserved")
    found = judged(order, one)
    assert found == Left(one, "its step has been answered since: StockReserved", True)


def test_what_somebody_else_wrote_is_told() -> None:
    found = judged(parked(), letter("k", {"tenant": "blue"}))
    assert isinstance(found, Left)
    assert found.why.startswith("it is no dead letter of Minuet")


def test_a_record_that_is_still_no_event_is_told() -> None:
    headers = {"minuet_letter": "l", "minuet_category": "unreadable", TYPE: "OrderPlaced"}
    found = judged(parked(), letter("k", headers))
    assert isinstance(found, Left)
    assert (found.why, found.settled) == (
        "it is still no event: the record has no header 'ce_id'", False,
    )  # fmt: skip


def test_an_early_event_waits_for_its_saga() -> None:
    headers = {"minuet_letter": "l", "minuet_category": "early", ID: "i", TYPE: "StockReserved"}
    one = letter("k", headers)
    found = judge(parked().plan, CODEC, one, None, 0, 0)
    assert found == Left(one, "no saga of its key has begun", False)


def test_a_record_that_could_not_be_imported_never_goes_onto_the_log_as_it_is() -> None:
    order = placed()
    headers = {ID: "x", TYPE: "PaymentCharged", "minuet_letter": "l", "minuet_category": "import"}
    found = judged(order, letter(order.key, headers))
    assert isinstance(found, Left)
    assert not found.settled
    assert "never stood on this log" in found.why
