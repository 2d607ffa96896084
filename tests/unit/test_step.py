"""What Minuet knows of a step: its signature as wiring, and its policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from typing import Any, Protocol, cast

import pytest

import minuet
from minuet import Backoff, Context, Event
from minuet.errors import DefinitionError
from minuet.event.platform import SagaCompleted
from minuet.spec.model import Parameter, RetryPolicy
from minuet.step import definition_of

# A type checker refuses most wrong policies already; this lets them through.
Wrong = Callable[[Callable[..., object]], object]
wrong_step = cast("Callable[..., Wrong]", minuet.step)


class Placed(Event):
    order_id: str


class Reserved(Event):
    shelf: str


class Cleared(Event):
    score: int


class Charged(Event):
    amount: int


class Declined(Event):
    reason: str


class Payments(Protocol):
    async def charge(self, amount: int, *, key: str) -> int: ...


@contextmanager
def refused(message: str, mend: str) -> Iterator[None]:
    with pytest.raises(DefinitionError) as caught:
        yield
    assert message in caught.value.message
    assert mend in caught.value.mend
    assert caught.value.file == __file__
    assert caught.value.line > 0


# What is read


def test_parameters_are_what_a_step_needs_and_the_return_type_what_it_says() -> None:
    @minuet.step
    async def charge(
        reserved: Reserved, cleared: Cleared, payments: Payments, ctx: Context
    ) -> Charged | Declined:
        return Charged(amount=await payments.charge(1, key=ctx.idempotency_key))

    definition = definition_of(charge)
    assert definition is not None
    assert definition.needs == (("reserved", (Reserved,)), ("cleared", (Cleared,)))
    assert definition.resources == (("payments", Payments),)
    assert definition.context == "ctx"
    assert definition.says == (Charged, Declined)
    assert definition.is_async
    assert definition.spec.name == "charge"
    assert definition.spec.needs == (("Reserved",), ("Cleared",))
    assert definition.spec.says == ("Charged", "Declined")
    assert definition.spec.parameters == (
        Parameter("reserved", "event", ("Reserved",)),
        Parameter("cleared", "event", ("Cleared",)),
        Parameter("payments", "resource", (f"{Payments.__module__}.Payments",)),
        Parameter("ctx", "context"),
    )
    assert definition.spec.file == __file__
    assert definition.spec.line == charge.__code__.co_firstlineno


def test_a_union_of_events_is_whichever_comes_first() -> None:
    @minuet.step
    def tell(event: Charged | Declined, order: Placed) -> Cleared:
        return Cleared(score=0)

    definition = definition_of(tell)
    assert definition is not None
    assert definition.needs == (("event", (Charged, Declined)), ("order", (Placed,)))
    assert not definition.is_async


def test_a_decorated_step_is_still_the_plain_function() -> None:
    def clear(order: Placed) -> Cleared:
        return Cleared(score=len(order.order_id))

    assert minuet.step(clear) is clear
    assert clear(Placed(order_id="four")) == Cleared(score=4)


def test_a_step_may_wait_for_the_end_of_its_saga() -> None:
    @minuet.step
    def thank(end: SagaCompleted) -> Cleared:
        return Cleared(score=1)

    definition = definition_of(thank)
    assert definition is not None
    assert definition.spec.needs == (("SagaCompleted",),)


def test_policy_stands_in_the_decorator() -> None:
    @minuet.step(
        retry=Backoff(first="1s", factor=3, most="2m", attempts=4),
        timeout="10s",
        breaker="bank",
        in_doubt="park",
    )
    def clear(order: Placed) -> Cleared:
        return Cleared(score=1)

    definition = definition_of(clear)
    assert definition is not None
    assert definition.spec.retry == RetryPolicy(1000, 3.0, 120_000, 4)
    assert definition.spec.timeout_ms == 10_000
    assert definition.spec.breaker == "bank"
    assert definition.spec.in_doubt == "park"


def test_the_default_backoff_is_the_default_policy() -> None:
    @minuet.step
    def clear(order: Placed) -> Cleared:
        return Cleared(score=1)

    definition = definition_of(clear)
    assert definition is not None
    assert definition.spec.retry == RetryPolicy()


def test_a_function_that_is_no_step_has_no_definition() -> None:
    assert definition_of(test_policy_stands_in_the_decorator) is None
    assert definition_of(42) is None


def test_the_idempotency_key_of_a_run_is_its_slot() -> None:
    context = Context("order-1", "a-slot", now=datetime(2026, 1, 1, tzinfo=UTC))
    assert context.idempotency_key == "a-slot"
    assert context.attempt == 1
    with pytest.raises(FrozenInstanceError):
        context.slot = "another"  # type: ignore[misc]


# What is refused: the policy


def test_an_unknown_in_doubt_is_refused() -> None:
    with refused("in_doubt='retry' is unknown", "one of ask, park, undo"):

        @wrong_step(in_doubt="retry")
        def charge(order: Placed) -> Charged:
            raise NotImplementedError


def test_a_timeout_without_a_unit_is_refused() -> None:
    with refused("timeout='10' is not a time", 'timeout="10s"'):

        @wrong_step(timeout="10")
        def charge(order: Placed) -> Charged:
            raise NotImplementedError


@pytest.mark.parametrize(
    ("retry", "message"),
    [
        (Backoff(first="soon"), "first='soon' is not a time"),
        (Backoff(attempts=0), "attempts=0 is not 1 or more"),
        (Backoff(factor=0.5), "factor=0.5 is below 1"),
        (Backoff(first="2m", most="1m"), "most='1m' < first='2m'"),
        (3, "retry=3 is not a Backoff"),
    ],
)
def test_a_backoff_that_cannot_be_is_refused(retry: Any, message: str) -> None:
    with refused(message, ""):

        @wrong_step(retry=retry)
        def charge(order: Placed) -> Charged:
            raise NotImplementedError


def test_a_breaker_without_a_name_is_refused() -> None:
    with refused("breaker=True is not a name", 'breaker="payments"'):

        @wrong_step(breaker=True)
        def charge(order: Placed) -> Charged:
            raise NotImplementedError
