"""Each action in each state of a saga: what it becomes, or why it is refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from minuet.action.act import judged
from minuet.action.possible import decide
from minuet.action.settling import command, possible, settling
from minuet.action.view import View, fold_headers
from minuet.action.wish import (
    Answer,
    Cancel,
    Deed,
    Earlier,
    Redo,
    Refusal,
    Resume,
    Skip,
    Which,
    Wish,
)
from minuet.event.ids import body_digest
from minuet.event.record import Record
from tests.unit.action import situations as now
from tests.unit.action.situations import SITUATIONS, view_of
from tests.unit.core.story import Story

STOCK = Answer("reserve_stock", "StockReserved")
NO_STOCK = Answer("reserve_stock", "StockRejected")
ORDER = Answer("-", "OrderPlaced")
RELEASED = Answer("release_stock", "StockReleased")
RESUME_STOCK, RESUME_UNDO = Resume("reserve_stock"), Resume("release_stock")
SKIP_STEP, SKIP_UNDO = Skip("reserve_stock"), Skip("StockReserved")
WISHES: tuple[Wish, ...] = (
    Resume(), RESUME_STOCK, RESUME_UNDO, STOCK, NO_STOCK, ORDER, RELEASED, Skip(), SKIP_STEP,
    SKIP_UNDO, Cancel(), Redo(),
)  # fmt: skip

# What is possible in each state; every other wish is refused there.
POSSIBLE: Mapping[str, Mapping[Wish, str]] = {
    "early": {Cancel(): "SagaCancelled"},
    "placed": {Cancel(): "SagaCancelled"},
    "waiting": {Cancel(): "SagaCancelled"},
    "parked": {
        Resume(): "StepResumed", RESUME_STOCK: "StepResumed", STOCK: "StockReserved",
        NO_STOCK: "StockRejected", Cancel(): "SagaCancelled",
    },
    "parked_twice": {
        Resume(): "which", RESUME_STOCK: "StepResumed", STOCK: "StockReserved",
        NO_STOCK: "StockRejected", Cancel(): "SagaCancelled",
    },
    "resumed": {Resume(): "earlier", RESUME_STOCK: "earlier", Cancel(): "SagaCancelled"},
    "parked_again": {
        Resume(): "StepResumed", RESUME_STOCK: "StepResumed", STOCK: "StockReserved",
        NO_STOCK: "StockRejected", Cancel(): "SagaCancelled",
    },
    "in_doubt": {
        Resume(): "StepResumed", RESUME_STOCK: "StepResumed", STOCK: "StockReserved",
        NO_STOCK: "StockRejected", Skip(): "StepSkipped", SKIP_STEP: "StepSkipped",
    },
    "undo_parked": {
        Resume(): "StepResumed", RESUME_UNDO: "StepResumed", RELEASED: "StockReleased",
        Skip(): "StepSkipped", SKIP_UNDO: "StepSkipped",
    },
    "undo_due": {SKIP_UNDO: "StepSkipped"},
    "unreadable": {STOCK: "StockReserved", Cancel(): "SagaCancelled"},
    "unreadable_begin": {ORDER: "OrderPlaced", Cancel(): "SagaCancelled"},
    "unreadable_failing": {
        STOCK: "StockReserved", Skip(): "StepSkipped", SKIP_UNDO: "StepSkipped",
    },
    "unreadable_request": {Skip(): "StepSkipped", SKIP_UNDO: "StepSkipped"},
    "unreadable_undo": {STOCK: "StockReserved", Skip(): "StepSkipped", SKIP_UNDO: "StepSkipped"},
    "unreadable_and_cancelled": {
        STOCK: "StockReserved", NO_STOCK: "StockRejected", ORDER: "OrderPlaced",
        Skip(): "StepSkipped", SKIP_STEP: "StepSkipped", Cancel(): "earlier",
    },
    "irreversible": {Skip(): "StepSkipped", SKIP_UNDO: "StepSkipped", Cancel(): "earlier"},
    "shipped": {},
    "failed_after_pivot": {Skip(): "StepSkipped", Cancel(): "earlier"},
    "confirmed": {},
    "failed": {Cancel(): "earlier"},
    "completed": {},
    "compensated": {Redo(): "SagaRedone"},
    "cancelled_early": {Cancel(): "earlier"},
    "cancelled_to_the_end": {Cancel(): "earlier", Redo(): "SagaRedone"},
    "redone": {Cancel(): "SagaCancelled", Redo(): "earlier"},
    "forgotten": {},
    "never_begun": {},
}  # fmt: skip

WHY = [
    ("placed", RESUME_STOCK, "a worker is to run it"),
    ("placed", STOCK, "a worker is to run it"),
    ("placed", Resume("sell_stock"), "has no step sell_stock"),
    ("placed", RESUME_UNDO, "nothing to do as the saga stands"),
    ("waiting", STOCK, "it runs again at 2023-11-14T23:13:20.001Z"),
    ("parked", SKIP_STEP, "others would wait for its answer"),
    ("parked", Answer("reserve_stock", "OrderPlaced"), "says StockReserved | StockRejected, never"),
    ("parked", Skip("StockReserved"), "no incident, of StockReserved is open"),
    ("in_doubt", Cancel(), "it fails already, by FraudFound"),
    ("undo_parked", RESUME_STOCK, "reserve_stock has answered: StockReserved"),
    ("unreadable", NO_STOCK, "another type would say that it did not happen"),
    ("unreadable", Skip(), "nobody has asked for its undo"),
    ("unreadable_failing", Cancel(), "it fails already"),
    ("unreadable_and_cancelled", Resume(), "since OrderPlaced cannot be read"),
    ("shipped", Cancel(), "ShipmentBooked has happened: there is no way back"),
    ("completed", Cancel(), "it has ended (completed)"),
    ("completed", Resume(), "it has ended (completed)"),
    ("completed", STOCK, "waits for no answer"),
    ("completed", Redo(), "only a compensated saga"),
    ("forgotten", Redo(), "may be forgotten"),
    ("placed", ORDER, "no OrderPlaced from outside waits"),
    ("placed", Skip(), "name the undo"),
]


def outcome(view: View, wish: Wish) -> str:
    match decide(view, wish):
        case Deed(event_type):
            return event_type
        case Earlier():
            return "earlier"
        case Which():
            return "which"
    return ""


def done(order: Story, deed: Deed, body: str = "", by: str = "ada") -> Record:
    """Append a deed as the room does."""
    named = {
        name.removeprefix("ce_"): raw.decode()
        for name, raw in fold_headers(deed, order.state, by)
        if name != "ce_slot"
    }
    text = deed.carries.value.decode() if deed.carries is not None else body
    return order.append(deed.type, deed.id, deed.slot, text, **named)


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_is_possible_in_each_state_and_everything_else_is_refused(name: str) -> None:
    view = view_of(SITUATIONS[name]())
    found = {wish: outcome(view, wish) for wish in WISHES}
    assert {wish: what for wish, what in found.items() if what} == POSSIBLE[name]


@pytest.mark.parametrize(("name", "wish", "why"), WHY)
def test_a_refusal_says_why(name: str, wish: Wish, why: str) -> None:
    found = decide(view_of(SITUATIONS[name]()), wish)
    assert isinstance(found, Refusal)
    assert why in found.why


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_is_possible_has_its_effect_and_a_second_one_has_none(name: str) -> None:
    for wish in POSSIBLE[name]:
        order = SITUATIONS[name]()
        deed = decide(view_of(order), wish)
        if isinstance(deed, Deed):
            first = done(order, deed)
            assert judged(view_of(order), wish, deed, first.offset).result == "effective", wish
            second = done(order, deed, by="bob")
            late = judged(view_of(order), wish, deed, second.offset)
            assert (late.result, late.by) == ("earlier", first), wish


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_is_offered_for_an_incident_closes_it(name: str) -> None:
    for key in view_of(SITUATIONS[name]()).state.incidents:
        offered = settling(view_of(SITUATIONS[name]()), key)
        assert offered
        for wish in offered:
            order = SITUATIONS[name]()
            deed = decide(view_of(order), wish)
            assert isinstance(deed, Deed)
            done(order, deed)
            helps_others = isinstance(wish, Cancel) or deed.type == "OrderPlaced"
            assert key not in order.state.incidents or helps_others, wish


def test_a_slot_that_gives_up_again_is_resumed_again() -> None:
    first = decide(view_of(now.parked()), Resume())
    again = decide(view_of(now.parked_again()), Resume())
    assert isinstance(first, Deed)
    assert isinstance(again, Deed)
    assert first.id == now.resumed().log[-1].id != again.id


def test_a_second_round_can_be_cancelled_like_the_first() -> None:
    order = now.cancelled_to_the_end()
    order.redoes()
    deed = decide(view_of(order), Cancel())
    assert isinstance(deed, Deed)
    done(order, deed)
    assert order.status == "failing"


def test_a_redo_carries_the_value_that_a_person_gave() -> None:
    order = now.unreadable_begin()
    deed = decide(view_of(order), ORDER)
    assert isinstance(deed, Deed)
    done(order, deed, body="readable")
    order.goes_well(reserve_stock="StockRejected")
    for _ in range(2):
        redo = decide(view_of(order), Redo())
        assert isinstance(redo, Deed)
        assert (redo.causes, redo.carries and redo.carries.value) == (
            (order.log[0].id,), b"readable",
        )  # fmt: skip
        done(order, redo)
        assert order.status == "running"
        order.goes_well(reserve_stock="StockRejected")


def test_of_two_other_answers_the_first_wins() -> None:
    order = now.parked()
    wish = Answer("reserve_stock", "StockReserved", body_digest(b"mine"))
    deed = decide(view_of(order), wish)
    assert isinstance(deed, Deed)
    first = done(order, deed, body="theirs")
    assert "ada was first" in str(decide(view_of(order), wish))
    second = done(order, deed, body="mine", by="bob")
    late = judged(view_of(order), wish, deed, second.offset)
    assert (late.result, late.by, late.is_done) == ("nothing", first, False)
    again = Answer("reserve_stock", "StockReserved", body_digest(b"theirs"))
    assert decide(view_of(order), again) == Earlier(first)


def test_an_answer_of_another_type_that_came_second_is_told_as_a_stray() -> None:
    order = now.parked()
    deeds = [decide(view_of(order), wish) for wish in (STOCK, NO_STOCK)]
    assert all(isinstance(deed, Deed) for deed in deeds)
    first, second = (deed for deed in deeds if isinstance(deed, Deed))
    done(order, first)
    late = done(order, second)
    assert judged(view_of(order), NO_STOCK, second, late.offset).result == "stray"


def test_an_action_that_came_too_late_is_told_to_have_changed_nothing() -> None:
    order = now.undo_parked()
    skip, resume = (decide(view_of(order), wish) for wish in (Skip(), Resume()))
    assert isinstance(skip, Deed)
    assert isinstance(resume, Deed)
    done(order, skip)
    late = done(order, resume)
    assert judged(view_of(order), Resume(), resume, late.offset).result == "illegal"
    order = now.undo_parked()
    order.answers("release_stock", "StockReleased")
    late = done(order, skip)
    assert judged(view_of(order), Skip(), skip, late.offset).result == "nothing"


def test_incidents_of_one_name_are_told_apart_by_their_ids() -> None:
    order = now.undo_parked()
    slot = order.slot("reserve_stock")
    order.append("StockReserved", "stray", slot.id, "twice", step="reserve_stock",
                 causes=order.log[0].id)  # fmt: skip
    order.coordinates()
    order.tries("StepGaveUp", "release_stock", 20, slot=order.slot("release_stock").id)
    view = view_of(order)
    keys = list(view.state.incidents)
    assert len(keys) == 2
    for wish in (Resume(), RESUME_UNDO, Skip(), RELEASED):
        found = decide(view, wish)
        assert isinstance(found, Which)
        assert len({choice.name for choice in found.choices}) == 2
    for key in keys:
        assert Resume(key) in settling(view, key)
        assert isinstance(decide(view, Skip(key)), Deed)


def test_commands_are_ready_to_be_pasted() -> None:
    view = view_of(now.in_doubt())
    found = [command("orders", "order 1", wish, {}) for wish in possible(view)]
    assert found[0] == ("minuet saga resume orders 'order 1' --step reserve_stock --why 'WHY'")
    assert "minuet saga skip orders 'order 1' --of reserve_stock --why 'WHY'" in found
