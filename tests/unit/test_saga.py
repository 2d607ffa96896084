"""A saga's table: every row is checked when it is made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Annotated, Any, Protocol
from uuid import UUID

import pytest
from pydantic import Field

from minuet import Deadline, Event, Request, Saga, Undo
from minuet.errors import DefinitionError
from minuet.event.platform import SagaCancelled
from minuet.outside import Provided


class Placed(Event):
    order_id: str
    weight: float
    number: int
    id: UUID
    note: str | None


class Reserved(Event):
    shelf: str
    amount: Annotated[Decimal, Field(decimal_places=2)]


class Rejected(Event):
    reason: str


class Shipped(Event):
    parcel: str


class Confirmed(Event):
    parcel: str


class Release(Request):
    pass


class Released(Event):
    shelf: str


class Expired(Request):
    pass


class Payments(Protocol):
    def charge(self) -> None: ...


class SimulatedPayments:
    def charge(self) -> None: ...


class NeedsAnAddress:
    def __init__(self, address: str) -> None: ...


class Abstract(ABC):
    @abstractmethod
    def charge(self) -> None: ...


def saga(name: Any = "orders", **other: Any) -> Saga:
    """A good saga, but for `other`."""
    rows: dict[str, Any] = {
        "key": "order_id",
        "begins": Placed,
        "completes": Confirmed,
        "pivot": Shipped,
        "fails": (Rejected, Expired),
        "undo": (Undo(Reserved, Release, Released),),
        "deadlines": (Deadline(Expired, after=Placed, unless=Shipped, within="30m"),),
    }
    return Saga(name, **(rows | other))


@contextmanager
def refused(message: str, mend: str) -> Iterator[None]:
    with pytest.raises(DefinitionError) as caught:
        yield
    assert message in caught.value.message
    assert mend in caught.value.mend
    assert caught.value.file == __file__
    assert caught.value.line > 0


def test_a_good_table_stands() -> None:
    table = saga()
    assert table.name == "orders"
    assert table.partitions == 6
    assert table.undo[0].undone is Released


@pytest.mark.parametrize("key", ["order_id", "number", "id"])
def test_the_key_is_text_a_number_or_a_uuid(key: str) -> None:
    assert saga(key=key).key == key


def test_a_key_that_is_no_field_is_refused() -> None:
    with refused("Placed has no field 'order' to be the key", "name one of order_id, weight"):
        saga(key="order")


@pytest.mark.parametrize("key", ["weight", "note"])
def test_a_key_that_cannot_be_one_is_refused(key: str) -> None:
    with refused(f"Placed.{key} cannot be the key", "a str, an int or a UUID"):
        saga(key=key)


@pytest.mark.parametrize("name", ["Orders", "", "2orders", "my orders", 7])
def test_a_name_that_cannot_begin_a_topic_is_refused(name: object) -> None:
    with refused(f"{name!r} is not a name", "small letters"):
        saga(name)


def test_the_name_of_minuets_own_topics_is_refused() -> None:
    with refused("`minuet` is Minuet's own prefix", "name it for what it does"):
        saga("minuet")


def test_what_is_no_event_is_refused() -> None:
    with refused("begins is <class 'str'>, not an event", "extends minuet.Event"):
        saga(begins=str)
    with refused("a row of fails is 'Rejected', not an event", "name the class"):
        saga(fails=("Rejected",))


def test_any_event_is_refused() -> None:
    with refused("completes is any Event", "name one event"):
        saga(completes=Event)


def test_a_single_fail_event_without_its_comma_is_refused() -> None:
    with refused("fails is not a tuple of events", "mind the comma"):
        saga(fails=(Rejected))


def test_a_single_undo_without_its_comma_is_refused() -> None:
    with refused("undo is not a tuple of Undo", "mind the comma"):
        saga(undo=(Undo(Reserved, Release, Released)))


def test_a_deadline_that_is_none_is_refused() -> None:
    with refused("deadlines is not a tuple of Deadline", "write deadlines=(Deadline(...),)"):
        saga(deadlines=(Expired,))


def test_minuets_own_events_are_refused() -> None:
    with refused("a row of fails is Minuet's own SagaCancelled", "says its own events"):
        saga(fails=(Rejected, SagaCancelled))


def test_an_event_that_both_completes_and_fails_is_refused() -> None:
    with refused("Confirmed is completes and fails as well", "an event of its own"):
        saga(fails=(Confirmed,))


def test_a_fail_event_twice_is_refused() -> None:
    with refused("Rejected is fails and fails as well", "an event of its own"):
        saga(fails=(Rejected, Rejected), deadlines=())


def test_a_pivot_that_fails_is_refused() -> None:
    with refused("the pivot Rejected is fails as well", "an outcome on the good way"):
        saga(pivot=Rejected)


def test_a_saga_may_complete_with_its_pivot() -> None:
    assert saga(pivot=Confirmed).pivot is Confirmed


@pytest.mark.parametrize("outcome", [Placed, Shipped, Confirmed])
def test_undoing_the_begin_the_pivot_or_the_end_is_refused(outcome: type[Event]) -> None:
    with refused(f"{outcome.__name__} cannot be undone", "undo what happens before the pivot"):
        saga(undo=(Undo(outcome, Release, Released),))


def test_undoing_an_outcome_twice_is_refused() -> None:
    class Again(Request):
        pass

    class Undone(Event):
        pass

    with refused("Reserved is undone twice", "leave one of the rows out"):
        saga(undo=(Undo(Reserved, Release, Released), Undo(Reserved, Again, Undone)))


def test_asking_for_two_undos_by_one_request_is_refused() -> None:
    class Undone(Event):
        pass

    with refused("Release is an undo's request and an undo's request as well", "of its own"):
        saga(undo=(Undo(Reserved, Release, Released), Undo(Rejected, Release, Undone)))


def test_an_undo_that_does_not_ask_by_a_request_is_refused() -> None:
    class Ask(Event):
        pass

    wrong: Any = Ask
    with refused("Ask, which asks to undo Reserved, is not a request", "class Ask(Request)"):
        saga(undo=(Undo(Reserved, wrong, Released),))


def test_an_undo_that_is_answered_by_a_request_is_refused() -> None:
    class Other(Request):
        pass

    with refused("Undo(Reserved, …, Other) undoes by a request", "what steps say"):
        saga(undo=(Undo(Reserved, Release, Other),))


def test_a_field_that_the_outcome_does_not_have_is_refused() -> None:
    class Return(Request):
        parcel: str

    mend = "add `parcel` to Reserved, or remove it from Return"
    with refused("Return.parcel cannot be filled: Reserved has none", mend):
        saga(undo=(Undo(Reserved, Return, Released),))


def test_a_field_of_another_type_than_the_outcomes_is_refused() -> None:
    class Return(Request):
        shelf: int

    with refused("Reserved.shelf is another type", "declare `shelf` with the same type in both"):
        saga(undo=(Undo(Reserved, Return, Released),))


def test_a_decimal_of_another_scale_than_the_outcomes_is_refused() -> None:
    class Return(Request):
        amount: Annotated[Decimal, Field(decimal_places=4)]

    with refused("Reserved.amount is another type", "declare `amount` with the same type"):
        saga(undo=(Undo(Reserved, Return, Released),))


def test_a_field_that_the_outcome_has_is_copied() -> None:
    class Return(Request):
        shelf: str
        amount: Annotated[Decimal, Field(decimal_places=2)]

    assert saga(undo=(Undo(Reserved, Return, Released),)).undo[0].request is Return


def test_a_field_of_a_deadline_that_its_after_does_not_have_is_refused() -> None:
    class Overdue(Request):
        shelf: str

    with refused("Overdue.shelf cannot be filled: Placed has none", "add `shelf` to Placed"):
        saga(fails=(), deadlines=(Deadline(Overdue, after=Placed, unless=Shipped),))


def test_a_deadline_that_is_no_request_is_refused() -> None:
    wrong: Any = Rejected
    with refused("the deadline Rejected is not a request", "class Rejected(Request)"):
        saga(deadlines=(Deadline(wrong, after=Placed, unless=Shipped),))


def test_a_deadline_without_a_unit_is_refused() -> None:
    with refused("within='30' is not a time", 'within="30m"'):
        saga(deadlines=(Deadline(Expired, after=Placed, unless=Shipped, within="30"),))


def test_a_deadline_that_waits_for_itself_is_refused() -> None:
    with refused("the deadline Expired waits for itself", "name three events"):
        saga(deadlines=(Deadline(Expired, after=Placed, unless=Placed),))


def test_a_deadline_twice_is_refused() -> None:
    row = Deadline(Expired, after=Placed, unless=Shipped)
    with refused("the deadline Expired is something else too", "its own event"):
        saga(deadlines=(row, row))


def test_a_deadline_that_asks_for_an_undo_is_refused() -> None:
    with refused("the deadline Release is something else too", "its own event"):
        saga(deadlines=(Deadline(Release, after=Placed, unless=Shipped),))


def test_a_saga_that_begins_with_a_request_is_refused() -> None:
    class Begin(Request):
        order_id: str

    with refused("it begins with the request Begin", "begin with an event"):
        saga(begins=Begin, deadlines=())


@pytest.mark.parametrize("partitions", [0, -1, "6"])
def test_a_number_of_partitions_that_cannot_be_is_refused(partitions: object) -> None:
    with refused(f"partitions={partitions!r}", "a number from 1 up"):
        saga(partitions=partitions)


def test_a_horizon_without_a_unit_is_refused() -> None:
    with refused("duplicate_horizon='week' is not a time", "a number and a unit"):
        saga(duplicate_horizon="week")


def test_a_refusal_names_the_line_of_the_table() -> None:
    with pytest.raises(DefinitionError) as caught:
        Saga("orders", key="nothing", begins=Placed, completes=Confirmed)
    line = test_a_refusal_names_the_line_of_the_table.__code__.co_firstlineno + 2
    assert str(caught.value) == (
        f"{__file__}:{line}: saga orders: Placed has no field 'nothing' to be the key\n"
        "  to mend: name one of order_id, weight, number, id, note"
    )


# Resources


def test_a_resource_has_a_real_and_a_simulated_form() -> None:
    table = saga()
    table.provide(Payments, simulated=SimulatedPayments)
    place = table.provided[Payments].place
    assert place[0] == __file__
    assert table.provided == {Payments: Provided(None, SimulatedPayments, place)}


def test_a_resource_without_a_form_is_refused() -> None:
    with refused("Payments is provided without a form", "provide(Payments, real=..."):
        saga().provide(Payments)


def test_a_resource_that_is_provided_twice_is_refused() -> None:
    table = saga()
    table.provide(Payments, simulated=SimulatedPayments)
    with refused("Payments is provided twice", "write both forms in one `provide`"):
        table.provide(Payments, real=SimulatedPayments)


@pytest.mark.parametrize("form", [NeedsAnAddress, Payments, Abstract, SimulatedPayments()])
def test_a_form_that_cannot_be_made_is_refused(form: Any) -> None:
    with refused("Payments cannot be made by", "without arguments"):
        saga().provide(Payments, real=form)


def test_a_resource_that_is_no_class_is_refused() -> None:
    wrong: Any = "Payments"
    with refused("'Payments' is not a class", "provide a class"):
        saga().provide(wrong, real=SimulatedPayments)
