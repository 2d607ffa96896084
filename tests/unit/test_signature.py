"""What cannot be a step is refused at import, with file, line and the mend."""

from __future__ import annotations

import functools
import importlib.util
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import pytest
from pydantic import BaseModel

import minuet
from minuet import Context, Event, Request
from minuet.errors import DefinitionError
from minuet.event.platform import StepRetrying, StepSkipped

if TYPE_CHECKING:
    from collections import OrderedDict as OnlyForTypeCheckers

# A type checker refuses most of the steps below already; this lets them through.
Wrong = Callable[[Callable[..., object]], object]
step = cast("Wrong", minuet.step)


class Placed(Event):
    order_id: str


class Cleared(Event):
    score: int


class Charged(Event):
    amount: int


class Refund(Request):
    pass


class Receipt(BaseModel):
    number: int


class Payments(Protocol):
    async def charge(self, amount: int, *, key: str) -> int: ...


NO_CONTEXT = Context("", "")


@contextmanager
def refused(message: str, mend: str) -> Iterator[None]:
    with pytest.raises(DefinitionError) as caught:
        yield
    assert message in caught.value.message
    assert mend in caught.value.mend
    assert caught.value.file == __file__
    assert caught.value.line > 0


# What is refused: parameters


def test_a_parameter_without_a_type_is_refused() -> None:
    with refused("parameter `order` has no type", "write `order: SomeEvent`"):

        @step
        def charge(order) -> Charged:  # type: ignore[no-untyped-def]
            raise NotImplementedError


def test_a_step_that_needs_no_event_is_refused() -> None:
    with refused("it needs no event, so nothing would ever start it", "let a parameter name"):

        @step
        def charge(payments: Payments, ctx: Context) -> Charged:
            raise NotImplementedError


def test_any_number_of_parameters_is_refused() -> None:
    with refused("`*events: 'Placed'` could be anything", "name each event"):

        @step
        def charge(*events: Placed) -> Charged:
            raise NotImplementedError

    with refused("`**events: 'Placed'` could be anything", "name each event"):

        @step
        def refund(**events: Placed) -> Charged:
            raise NotImplementedError


def test_a_parameter_without_a_name_for_the_caller_is_refused() -> None:
    with refused("parameter `order` has no name for the caller", "remove the `/`"):

        @step
        def charge(order: Placed, /) -> Charged:
            raise NotImplementedError


def test_a_default_is_refused() -> None:
    with refused("parameter `ctx` has a default", "a step runs when all of its parameters"):

        @step
        def charge(order: Placed, ctx: Context = NO_CONTEXT) -> Charged:
            raise NotImplementedError


def test_an_event_that_may_be_none_is_refused() -> None:
    with refused("parameter `cleared` may be None", "write a second step for when it is not"):

        @step
        def charge(order: Placed, cleared: Cleared | None) -> Charged:
            raise NotImplementedError


def test_a_parameter_that_is_an_event_or_a_resource_is_refused() -> None:
    with refused("parameter `order` mixes events with Payments", "a parameter of its own"):

        @step
        def charge(order: Placed | Payments) -> Charged:
            raise NotImplementedError


def test_any_event_is_refused() -> None:
    with refused("parameter `event` is any Event", "name the very event it waits for"):

        @step
        def charge(event: Event) -> Charged:
            raise NotImplementedError


def test_any_request_is_refused() -> None:
    with refused("parameter `request` is any Request", "name the very event it waits for"):

        @step
        def refund(request: Request) -> Charged:
            raise NotImplementedError


def test_waiting_for_an_attempt_is_refused() -> None:
    with refused("is Minuet's own StepRetrying", "SagaCompleted, SagaCompensated, SagaCancelled"):

        @step
        def charge(retrying: StepRetrying) -> Charged:
            raise NotImplementedError


def test_data_as_a_parameter_is_refused() -> None:
    with refused("parameter `amount: Decimal` is data", "data comes in events"):

        @step
        def charge(order: Placed, amount: Decimal) -> Charged:
            raise NotImplementedError


def test_a_model_that_is_no_event_is_refused() -> None:
    with refused("parameter `receipt: Receipt` is data", "let Receipt extend minuet.Event"):

        @step
        def charge(order: Placed, receipt: Receipt) -> Charged:
            raise NotImplementedError


def test_a_parameter_of_any_type_is_refused() -> None:
    with refused("`what: Any` is no event and no resource", "the class of a resource"):

        @step
        def charge(order: Placed, what: Any) -> Charged:
            raise NotImplementedError


def test_a_list_of_events_is_refused() -> None:
    with refused("`orders: list[", "the class of a resource"):

        @step
        def charge(orders: list[Placed]) -> Charged:
            raise NotImplementedError


def test_the_same_event_twice_is_refused() -> None:
    with refused("parameter `event` is Placed once more", "a saga has each of them once"):

        @step
        def charge(order: Placed, event: Placed | Cleared) -> Charged:
            raise NotImplementedError


def test_the_same_resource_twice_is_refused() -> None:
    with refused("parameter `others` is Payments once more", "use the first parameter"):

        @step
        def charge(order: Placed, payments: Payments, others: Payments) -> Charged:
            raise NotImplementedError


def test_the_context_twice_is_refused() -> None:
    with refused("it takes the context twice", "remove `again`"):

        @step
        def charge(order: Placed, ctx: Context, again: Context) -> Charged:
            raise NotImplementedError


def test_a_type_that_is_there_for_type_checkers_only_is_refused() -> None:
    with refused("the annotation 'OnlyForTypeCheckers' is unknown", "outside `if TYPE_CHECKING:`"):

        @step
        def charge(order: OnlyForTypeCheckers[str, int]) -> Charged:
            raise NotImplementedError


# What is refused: the return type


def test_a_step_without_a_return_type_is_refused() -> None:
    with refused("it does not say which event it returns", "write `-> SomeEvent`"):

        @step
        def charge(order: Placed):  # type: ignore[no-untyped-def]
            raise NotImplementedError


def test_a_step_that_says_nothing_is_refused() -> None:
    with refused("it may return None", "nothing to do is an event too"):

        @step
        def charge(order: Placed) -> None:
            raise NotImplementedError


def test_a_step_that_sometimes_says_nothing_is_refused() -> None:
    with refused("it may return None", "nothing to do is an event too"):

        @step
        def charge(order: Placed) -> Charged | None:
            raise NotImplementedError


def test_a_step_that_says_two_events_is_refused() -> None:
    with refused("it returns several events, tuple[", "let a step that needs it say the next"):

        @step
        def charge(order: Placed) -> tuple[Charged, Cleared]:
            raise NotImplementedError


def test_a_step_that_says_a_list_is_refused() -> None:
    with refused("it returns several events, list", "say one event"):

        @step
        def charge(order: Placed) -> list:  # type: ignore[type-arg]
            raise NotImplementedError


def test_a_step_that_says_any_event_is_refused() -> None:
    with refused("it returns Event, which is not one event", "return one event class of your own"):

        @step
        def charge(order: Placed) -> Event:
            raise NotImplementedError


def test_a_step_that_says_data_is_refused() -> None:
    with refused("it returns str, which is not one event", "return one event class of your own"):

        @step
        def charge(order: Placed) -> str:
            raise NotImplementedError


def test_a_step_that_asks_is_refused() -> None:
    with refused("it returns Refund, which only the coordinator says", "in the past tense"):

        @step
        def charge(order: Placed) -> Charged | Refund:
            raise NotImplementedError


def test_a_step_that_says_what_minuet_says_is_refused() -> None:
    with refused("it returns StepSkipped, which only Minuet says", "raise RetryLater or GiveUp"):

        @step
        def charge(order: Placed) -> StepSkipped:
            raise NotImplementedError


def test_a_step_that_says_what_it_needs_is_refused() -> None:
    with refused("it needs Placed and says it again", "say another event"):

        @step
        def charge(order: Placed) -> Charged | Placed:
            raise NotImplementedError


# What is refused: the function


def test_a_step_that_yields_is_refused() -> None:
    with refused("it yields", "return exactly one event"):

        @step
        async def charge(order: Placed) -> AsyncIterator[Charged]:
            yield Charged(amount=1)


def test_a_lambda_is_refused() -> None:
    with refused("it has no name", "def verb_noun"):
        step(lambda order: order)


def test_the_name_of_the_coordinator_is_refused() -> None:
    with refused("`coordinator` is the name of the saga's coordinator", "verb_noun"):

        @step
        def coordinator(order: Placed) -> Charged:
            raise NotImplementedError


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(DefinitionError, match="is not a function"):
        step(Placed)
    with pytest.raises(DefinitionError, match="is not a function"):
        step(functools.partial(test_what_is_no_function_is_refused))


def test_a_refusal_stops_the_import_and_names_file_line_and_mend(tmp_path: Path) -> None:
    file = tmp_path / "charge_payment.py"
    file.write_text(
        inspect.cleandoc(
            """
            from minuet import Event, step

            class Placed(Event):
                order_id: str

            @step
            def charge_payment(order: Placed) -> None:
                ...
            """
        )
    )
    module_spec = importlib.util.spec_from_file_location("charge_payment", file)
    assert module_spec is not None
    assert module_spec.loader is not None
    with pytest.raises(DefinitionError) as caught:
        module_spec.loader.exec_module(importlib.util.module_from_spec(module_spec))
    assert str(caught.value) == (
        f"{file}:6: step charge_payment: it may return None\n"
        "  to mend: nothing to do is an event too: say one, such as `NothingToShip`"
    )
