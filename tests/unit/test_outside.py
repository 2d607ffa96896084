"""What a saga says of the outside: what errors mean, and when breakers open."""

from __future__ import annotations

import pytest

from minuet import GiveUp, Saga
from minuet.errors import DefinitionError
from minuet.spec.assemble import Workflow, assemble
from minuet.spec.model import BreakerSpec
from minuet.step import definition_of, step
from tests.engines.trips import (
    CardStolen,
    Desk,
    NoSuchRoom,
    RoomReserved,
    TripAsked,
    TripConfirmed,
    trips,
)


@step(breaker="hotel")
async def reserve(asked: TripAsked) -> RoomReserved:
    return RoomReserved(room="r")


@step(breaker="mail")
async def confirm(room: RoomReserved) -> TripConfirmed:
    return TripConfirmed(note="n")


def saga() -> Saga:
    return Saga("short", key="trip_id", begins=TripAsked, completes=TripConfirmed)


def whole(table: Saga) -> Workflow:
    found = [definition_of(reserve), definition_of(confirm)]
    return assemble(table, [one for one in found if one is not None])


def test_the_table_of_errors_is_plain_data_in_the_spec() -> None:
    spec = trips("trips", Desk()).spec
    assert spec.errors == (
        ("tests.engines.trips.CardStolen", "reject"),
        ("tests.engines.trips.NoSuchRoom", "poison"),
    )


def test_a_table_may_be_written_in_parts() -> None:
    table = saga()
    table.errors({CardStolen: "reject"})
    table.errors({NoSuchRoom: "poison"})
    assert table.categories == {CardStolen: "reject", NoSuchRoom: "poison"}


@pytest.mark.parametrize(
    ("error", "category", "why"),
    [
        (CardStolen, "ignore", "CardStolen has the unknown category 'ignore'"),
        (CardStolen("x"), "retry", "is not a class of exceptions"),
        (SystemExit, "retry", "is not a class of exceptions"),
        (GiveUp, "retry", "GiveUp says itself what it means"),
        (NoSuchRoom, "bug", "NoSuchRoom has a category already"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_place(
    error: type[Exception], category: str, why: str
) -> None:
    table = saga()
    table.errors({NoSuchRoom: "poison"})
    with pytest.raises(DefinitionError, match=why) as refused:
        table.errors({error: category})
    assert refused.value.file == __file__
    assert "\n  to mend: " in str(refused.value)


def test_a_breaker_is_what_the_saga_sets_or_else_the_default() -> None:
    table = saga()
    table.breaker("hotel", failures=3, open_for="1m")
    spec = whole(table).spec
    assert spec.breakers == (BreakerSpec("hotel", 3, 60_000), BreakerSpec("mail", 5, 10_000))


@pytest.mark.parametrize(
    ("failures", "open_for", "why"),
    [
        (0, "10s", "failures=0"),
        (5, "soon", "open_for='soon'"),
        (5, "0s", "open_for='0s'"),
    ],
)
def test_a_breaker_that_cannot_be_is_refused(failures: int, open_for: str, why: str) -> None:
    with pytest.raises(DefinitionError, match=why):
        saga().breaker("hotel", failures=failures, open_for=open_for)


def test_a_breaker_is_set_once_and_for_a_step() -> None:
    table = saga()
    table.breaker("hotel")
    with pytest.raises(DefinitionError, match="set twice"):
        table.breaker("hotel")
    table.breaker("hotle")
    with pytest.raises(DefinitionError, match="no step has the breaker 'hotle'"):
        whole(table)
