"""Rules 6 and 7: waits, giving up, and what a person does about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from minuet.core.due import FOREVER, next_timer
from minuet.core.settle import Again, Failure, Park, Wait, settle
from minuet.spec.model import RetryPolicy
from tests.unit.core.story import (
    HOUR_MS,
    MINUTE_MS,
    ORDERS,
    TO_SHIP,
    failed,
    orders,
    placed,
)

# -- 6: retries are in the log ---------------------------------------------------------


def test_a_wait_is_a_timer_and_survives_a_deadline_beside_it() -> None:
    order = placed()
    expires = order.log[0].time + 30 * MINUTE_MS
    until = order.now + MINUTE_MS
    order.waits("reserve_stock", 1, until=until)
    assert next_timer(order.plan, order.state) == until
    assert next_timer(order.plan, order.state, until) == expires
    assert next_timer(order.plan, order.state, expires) == FOREVER


def test_a_zombies_older_try_changes_nothing() -> None:
    order = placed()
    order.waits("reserve_stock", 2, until=order.now + HOUR_MS)
    order.tries("StepRetrying", "reserve_stock", 1, until=order.now)
    assert order.count("illegal") == 1
    assert order.due == ["screen_fraud"]


def test_a_try_of_an_answered_slot_changes_nothing() -> None:
    order = placed("reserve_stock")
    order.waits("reserve_stock", 1, until=order.now + HOUR_MS)
    order.gives_up("reserve_stock")
    assert order.state.tries == {}
    assert order.incidents == []


def test_short_waits_stay_in_the_worker_and_long_ones_are_logged() -> None:
    order = placed()
    slot = order.slot("reserve_stock")
    assert settle(slot, Failure("retry", ""), 1, 0.0) == Again(100)
    assert settle(slot, Failure("retry", "", after_ms=5_000), 1, 0.0) == Wait(1, 5_000)
    assert settle(slot, Failure("retry", ""), 6, 0.0) == Park(6)
    assert settle(slot, Failure("bug", ""), 3, 0.0) == Park(3)
    assert settle(slot, Failure("reject", ""), 1, 0.0) == Park(1)
    assert settle(slot, Failure("poison", ""), 1, 0.0) == Park(1)


def test_a_bug_is_never_tried_more_often_than_the_step_allows() -> None:
    once = tuple(replace(s, retry=RetryPolicy(attempts=1)) for s in ORDERS.steps)
    slot = placed(spec=replace(orders(), steps=once)).slot("reserve_stock")
    assert settle(slot, Failure("bug", ""), 1, 0.0) == Park(1)


def test_a_backoff_grows_up_to_its_most_and_half_of_it_is_chance() -> None:
    policy = RetryPolicy(first_ms=1_000, factor=2.0, most_ms=4_000, attempts=99)
    spec = replace(orders(), steps=tuple(replace(s, retry=policy) for s in ORDERS.steps))
    slot = placed(spec=spec).slot("reserve_stock")
    slots = [replace(slot, attempt=attempt) for attempt in (0, 1, 2, 3, 90)]
    waits = [settle(s, Failure("retry", ""), 1, 0.5) for s in slots]
    assert [w.delay_ms if isinstance(w, Wait) else 0 for w in waits] == [
        0, 1_500, 3_000, 3_000, 3_000,
    ]  # fmt: skip


# -- 7: giving up ----------------------------------------------------------------------


def test_giving_up_parks_the_slot_and_nothing_else() -> None:
    order = placed()
    order.gives_up("reserve_stock", 6)
    assert order.due == ["screen_fraud"]
    assert order.incidents == ["gave-up"]


def test_a_resumed_slot_counts_attempts_on_and_its_policy_anew() -> None:
    order = placed()
    gave_up = order.gives_up("reserve_stock", 6)
    order.resumes("reserve_stock", gave_up)
    slot = order.slot("reserve_stock")
    assert (slot.attempt, slot.since) == (6, 6)
    assert settle(slot, Failure("retry", "", after_ms=5_000), 1, 0.0) == Wait(7, 5_000)
    assert settle(slot, Failure("retry", ""), 6, 0.0) == Park(12)


def test_two_operators_make_one_retry() -> None:
    order = placed()
    gave_up = order.gives_up("reserve_stock", 6)
    resumed = order.resumes("reserve_stock", gave_up)
    order.resumes("reserve_stock", gave_up)
    order.again(resumed, "another name and reason")
    assert (order.count("duplicates"), order.count("nondeterministic")) == (2, 0)
    assert order.slot("reserve_stock").attempt == 6


def test_two_operators_who_answer_otherwise_are_a_conflict_and_the_first_stands() -> None:
    order = placed()
    order.gives_up("reserve_stock", 6)
    answer = order.answers("reserve_stock", "StockReserved", body="first", by="ada")
    order.again(answer, "second")
    assert (order.count("conflicts"), order.count("nondeterministic")) == (1, 0)
    assert order.state.events["StockReserved"].value == b"first"


def test_a_zombie_that_gives_up_after_the_resume_does_not_turn_attempts_back() -> None:
    order = placed()
    gave_up = order.gives_up("reserve_stock", 6)
    order.resumes("reserve_stock", gave_up)
    order.gives_up("reserve_stock", 5)
    assert order.incidents == []
    assert order.slot("reserve_stock").attempt == 6


def test_a_person_answers_for_a_step() -> None:
    order = placed()
    order.gives_up("reserve_stock", 6)
    order.answers("reserve_stock", "StockReserved", by="ada")
    assert order.incidents == []
    order.goes_well()
    assert order.status == "completed"


@pytest.mark.parametrize("asked", [True, False])
def test_a_person_does_without_an_undo(asked: bool) -> None:
    order = placed("reserve_stock")
    reserved = order.log[-1].id
    order.answers("screen_fraud", "FraudFound")
    if asked:
        order.coordinates()
        order.gives_up("release_stock", 20)
    order.skips_undo(reserved)
    order.crash()
    assert order.incidents == []
    assert order.goes_well() == ["SagaCompensated"]


def test_an_undo_that_nobody_wants_cannot_be_skipped() -> None:
    order = placed("reserve_stock")
    order.skips_undo(order.log[-1].id)
    assert order.count("illegal") == 1
    order.answers("screen_fraud", "FraudFound")
    assert order.decided == ["ReleaseStock"]


def test_a_cancelled_saga_compensates() -> None:
    order = failed(*TO_SHIP)
    order.skips("book_shipment")
    assert order.goes_well()[-1] == "SagaCompensated"


def test_a_second_cancel_changes_nothing() -> None:
    order = failed()
    order.append("SagaCancelled", "another operator")
    assert order.state.failed_by == order.log[1].id
    order.goes_well()
    order.append("SagaCancelled", "too late")
    assert order.status == "compensated"
    assert order.count("illegal") == 2


def test_a_redo_takes_over_the_begin_event_alone() -> None:
    order = placed()
    order.goes_well(book_shipment="ShipmentRefused")
    redone = order.redoes()
    assert order.status == "running"
    assert order.state.round == redone.id
    assert list(order.state.events) == ["OrderPlaced"]
    order.crash()
    assert order.due_slots[0].causes[0].value == b"OrderPlaced"
    order.goes_well()
    assert order.status == "completed"
    assert order.rebuilt().known == order.state.known


def test_a_completed_or_running_saga_is_not_redone() -> None:
    order = placed()
    order.redoes()
    order.goes_well()
    order.redoes()
    assert order.status == "completed"
    assert order.count("illegal") == 2


def test_an_answer_of_the_round_before_is_a_stray_of_the_next() -> None:
    order = placed("screen_fraud")
    old = order.slot("reserve_stock")
    order.goes_well(reserve_stock="StockRejected")
    order.redoes()
    zombie = order.append(
        "StockReserved", "zombie", old.id, step="reserve_stock", causes=old.causes[0].id
    )
    assert list(order.state.strays) == [zombie.id]
    assert order.due == ["reserve_stock", "screen_fraud"]
    order.tries("StepGaveUp", "reserve_stock", 9, slot=old.id)
    assert order.goes_well().count("StockReleased") == 1
    assert order.status == "completed"
