"""What a table and its steps owe each other, refused with a place and a mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pytest

from minuet import Deadline, Event, Request, Saga, Undo, step
from minuet.errors import DefinitionError
from minuet.event.platform import SagaCancelled, SagaCompensated, SagaCompleted
from minuet.spec.check import check
from minuet.step import StepDefinition, definition_of


class Placed(Event):
    order_id: str


class Reserved(Event):
    shelf: str


class Rejected(Event):
    reason: str


class Charged(Event):
    amount: int


class Shipped(Event):
    parcel: str


class Confirmed(Event):
    parcel: str


class Told(Event):
    text: str


class Webhook(Event):
    text: str


class Release(Request):
    pass


class ReleaseShelf(Request):
    shelf: str


class Released(Event):
    shelf: str


class Expired(Request):
    pass


class Payments(Protocol):
    def charge(self) -> None: ...


@step
def reserve(order: Placed) -> Reserved | Rejected:
    raise NotImplementedError


@step
def charge(reserved: Reserved, order: Placed) -> Charged:
    raise NotImplementedError


@step
def ship(charged: Charged) -> Shipped:
    raise NotImplementedError


@step
def confirm(shipped: Shipped) -> Confirmed:
    raise NotImplementedError


@step
def release(request: Release) -> Released:
    raise NotImplementedError


STEPS = (reserve, charge, ship, confirm, release)

UNDO = (Undo(Reserved, Release, Released),)


def saga(**other: Any) -> Saga:
    """A good saga for `STEPS`, but for `other`."""
    rows: dict[str, Any] = {
        "key": "order_id",
        "begins": Placed,
        "completes": Confirmed,
        "pivot": Shipped,
        "fails": (Rejected, Expired),
        "undo": UNDO,
        "deadlines": (Deadline(Expired, after=Placed, unless=Shipped),),
    }
    return Saga("orders", **(rows | other))


def definitions(*functions: Callable[..., object]) -> tuple[StepDefinition, ...]:
    found = [definition_of(function) for function in functions]
    return tuple(definition for definition in found if definition is not None)


def without(*functions: Callable[..., object]) -> tuple[Callable[..., object], ...]:
    return tuple(function for function in STEPS if function not in functions)


@contextmanager
def refused(message: str, mend: str) -> Iterator[None]:
    with pytest.raises(DefinitionError) as caught:
        yield
    assert message in caught.value.message
    assert mend in caught.value.mend
    assert caught.value.file == __file__
    assert caught.value.line > 0


def test_a_table_and_its_steps_fit() -> None:
    whole = check(saga(), definitions(*STEPS))
    assert whole.said_by[Charged].spec.name == "charge"
    assert whole.certain(Shipped) >= {Placed, Reserved, Charged, Shipped}
    assert whole.certain(Release) == {Placed, Reserved, Release}
    assert whole.undo_step(UNDO[0]).spec.name == "release"


def test_a_saga_without_steps_is_refused() -> None:
    with refused("it has no steps", "[tool.minuet]"):
        check(saga(), ())


def test_two_steps_of_one_name_are_refused() -> None:
    def copy() -> Callable[..., object]:
        @step
        def charge(order: Placed) -> Told:
            raise NotImplementedError

        return charge

    with refused("has the same name", "rename one"):
        check(saga(), definitions(*STEPS, copy()))


def test_two_steps_that_say_one_event_are_refused() -> None:
    @step
    def charge_again(order: Placed) -> Charged:
        raise NotImplementedError

    with refused("step charge_again: it says Charged, as charge does", "outcomes of its own"):
        check(saga(), definitions(*STEPS, charge_again))


def test_a_step_that_says_the_begin_event_is_refused() -> None:
    @step
    def begin(told: Webhook) -> Placed:
        raise NotImplementedError

    with refused("it says Placed, which begins the saga", "say another event"):
        check(saga(external=(Webhook,)), definitions(*STEPS, begin))


def test_a_step_that_says_what_comes_from_outside_is_refused() -> None:
    with refused("it says Charged, which comes from outside", "the saga's `external`"):
        check(saga(external=(Charged,)), definitions(*STEPS))


def test_an_event_that_nobody_says_is_refused() -> None:
    @step
    def tell(webhook: Webhook) -> Told:
        raise NotImplementedError

    with refused("step tell: it needs Webhook (`webhook`), which nobody says", "`external`"):
        check(saga(), definitions(*STEPS, tell))
    check(saga(external=(Webhook,)), definitions(*STEPS, tell))


def test_a_request_that_nobody_asks_is_refused() -> None:
    @step
    def put_back(request: ReleaseShelf) -> Told:
        raise NotImplementedError

    with refused("it needs ReleaseShelf (`request`), which nobody says", "`undo` or `deadlines`"):
        check(saga(), definitions(*STEPS, put_back))


@pytest.mark.parametrize("end", [SagaCompleted, SagaCompensated, SagaCancelled])
def test_a_step_may_need_the_end_of_the_saga(end: type[Event]) -> None:
    def tell(event: Any) -> Told:
        raise NotImplementedError

    tell.__annotations__["event"] = end
    check(saga(), definitions(*STEPS, step(tell)))


@pytest.mark.parametrize(
    ("row", "rows"),
    [
        ("completes", {"completes": Told}),
        ("pivot", {"pivot": Told}),
        ("fails", {"fails": (Rejected, Told)}),
        ("undo", {"undo": (Undo(Told, Release, Released),)}),
        ("after", {"deadlines": (Deadline(Expired, after=Told, unless=Shipped),)}),
        ("unless", {"deadlines": (Deadline(Expired, after=Placed, unless=Told),)}),
    ],
)
def test_a_row_with_an_event_that_nobody_says_is_refused(row: str, rows: dict[str, Any]) -> None:
    with refused(f"saga orders: nobody says Told ({row})", "let a step return it"):
        check(saga(**rows), definitions(*STEPS))


def test_steps_that_wait_for_each_other_are_refused() -> None:
    @step
    def tell(shipped: Shipped) -> Told:
        raise NotImplementedError

    @step
    def charge(reserved: Reserved, told: Told) -> Charged:
        raise NotImplementedError

    with refused("it waits for itself: ", "in a saga each happens once"):
        check(saga(), definitions(reserve, charge, ship, confirm, release, tell))


def test_going_round_by_an_undo_is_refused() -> None:
    @step
    def reserve_once_more(order: Placed, released: Released) -> Reserved | Rejected:
        raise NotImplementedError

    with refused("it waits for itself: ", "in a saga each happens once"):
        check(saga(), definitions(*without(reserve), reserve_once_more))


def test_deadlines_that_wait_for_each_other_are_refused() -> None:
    class Later(Request):
        pass

    rows = (
        Deadline(Expired, after=Later, unless=Shipped),
        Deadline(Later, after=Expired, unless=Shipped),
    )
    with refused("these events wait for each other", "each happens once"):
        check(saga(deadlines=rows), definitions(*STEPS))


def test_a_step_that_needs_both_answers_of_another_is_refused() -> None:
    @step
    def tell(rejected: Rejected, charged: Charged) -> Told:
        raise NotImplementedError

    mend = "reserve says one or the other"
    with refused("it can never run: it comes after both Rejected and Reserved", mend):
        check(saga(), definitions(*STEPS, tell))


def test_a_step_may_need_either_answer_of_another() -> None:
    @step
    def tell(answer: Rejected | Charged) -> Told:
        raise NotImplementedError

    whole = check(saga(), definitions(*STEPS, tell))
    assert {t.__name__ for t in whole.certain(Told)} == {"Placed", "Told"}


def test_a_resource_that_nobody_provides_is_refused() -> None:
    @step
    def tell(order: Placed, payments: Payments) -> Told:
        raise NotImplementedError

    mend = "orders.provide(Payments, real=..., simulated=...)"
    with refused("nobody provides Payments (`payments`)", mend):
        check(saga(), definitions(*STEPS, tell))


def test_an_undo_that_no_step_carries_out_is_refused() -> None:
    with refused("no step undoes Reserved", "takes `request: Release` and returns Released"):
        check(saga(), definitions(*without(release)))


def test_a_step_that_says_the_undone_event_unasked_is_refused() -> None:
    @step
    def release(rejected: Rejected) -> Released:
        raise NotImplementedError

    with refused("it says Released but does not take Release", "takes `request: Release`"):
        check(saga(), definitions(reserve, charge, ship, confirm, release))


def test_an_undo_step_with_two_answers_is_refused() -> None:
    @step
    def release(request: Release) -> Released | Told:
        raise NotImplementedError

    with refused("it undoes Reserved and may say more than Released", "GiveUp"):
        check(saga(), definitions(reserve, charge, ship, confirm, release))


def test_an_undo_step_that_needs_what_may_not_have_happened_is_refused() -> None:
    @step
    def release(request: Release, charged: Charged) -> Released:
        raise NotImplementedError

    with refused("Charged (`charged`) may not have happened", "take Reserved or what always"):
        check(saga(), definitions(reserve, charge, ship, confirm, release))


def test_an_undo_step_may_take_the_outcome_and_what_came_before_it() -> None:
    @step
    def release(request: Release, reserved: Reserved, order: Placed) -> Released:
        raise NotImplementedError

    check(saga(), definitions(reserve, charge, ship, confirm, release))


# In doubt


@step(in_doubt="undo")
def reserve_perhaps(order: Placed) -> Reserved | Rejected:
    raise NotImplementedError


def test_a_step_in_doubt_may_be_undone_by_a_request_alone() -> None:
    check(saga(), definitions(*without(reserve), reserve_perhaps))


def test_undoing_in_doubt_what_has_no_undo_is_refused() -> None:
    @step(in_doubt="undo")
    def charge(reserved: Reserved) -> Charged:
        raise NotImplementedError

    with refused("none of its outcomes has an undo", 'in_doubt="park"'):
        check(saga(), definitions(reserve, charge, ship, confirm, release))


def test_undoing_in_doubt_with_a_field_of_the_outcome_is_refused() -> None:
    @step
    def release(request: ReleaseShelf) -> Released:
        raise NotImplementedError

    table = saga(undo=(Undo(Reserved, ReleaseShelf, Released),))
    with refused('step reserve_perhaps: in_doubt="undo", but ReleaseShelf copies shelf', "park"):
        check(table, definitions(reserve_perhaps, charge, ship, confirm, release))


def test_undoing_in_doubt_by_the_outcome_is_refused() -> None:
    @step
    def release(request: Release, reserved: Reserved) -> Released:
        raise NotImplementedError

    with refused("but release takes more than Release", "let it take the request alone"):
        check(saga(), definitions(reserve_perhaps, charge, ship, confirm, release))


# Names


def test_two_events_of_one_name_are_refused() -> None:
    def other() -> type[Event]:
        class Told(Event):
            pass

        return Told

    @step
    def tell(order: Placed) -> Told:
        raise NotImplementedError

    with refused("there are two events Told", "rename one"):
        check(saga(external=(other(),)), definitions(*STEPS, tell))


def test_an_event_with_the_name_of_one_of_minuets_is_refused() -> None:
    def other() -> type[Event]:
        class StepRetrying(Event):
            pass

        return StepRetrying

    with refused("there are two events StepRetrying, in minuet.event.platform and", "rename one"):
        check(saga(external=(other(),)), definitions(*STEPS))
