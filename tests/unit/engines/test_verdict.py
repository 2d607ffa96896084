"""What an exception means: by a table, where the most specific class wins."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from minuet.core.settle import Failure
from minuet.engines.verdict import REASON_MOST, Verdicts
from minuet.errors import GiveUp, RetryLater


class ShopError(Exception): ...


class CardStolen(ShopError): ...


class Busy(ShopError, ConnectionError): ...


class Closed(RetryLater): ...


class Unspeakable(Exception):
    def __str__(self) -> str:
        return str(1 / 0)


TABLE = {ShopError: "retry", CardStolen: "reject", Closed: "poison", OSError: "retry"}


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (ShopError(), "retry"),
        (CardStolen(), "reject"),
        (type("Worse", (CardStolen,), {})(), "reject"),
        (Busy(), "retry"),
        (Closed(), "poison"),
        (FileNotFoundError(), "retry"),
        (RetryLater(), "retry"),
        (GiveUp(), "reject"),
        (TimeoutError(), "retry"),
        (ConnectionResetError(), "retry"),
        (ValueError(), "bug"),
        (SystemExit(), "bug"),
        (ExceptionGroup("two", [ShopError(), ConnectionError()]), "retry"),
        (ExceptionGroup("two", [ShopError(), ExceptionGroup("", [CardStolen()])]), "reject"),
        (ExceptionGroup("two", [ValueError(), TimeoutError()]), "bug"),
    ],
)
def test_the_most_specific_class_of_the_table_says_what_it_means(
    error: BaseException, category: str
) -> None:
    assert Verdicts(TABLE).failure(error).category == category


def test_a_workflow_may_think_otherwise_of_a_built_in_one() -> None:
    assert Verdicts({ConnectionError: "bug"}).failure(ConnectionResetError()).category == "bug"


def test_a_wait_that_is_no_time_is_the_steps_own_backoff_and_says_so() -> None:
    failure = Verdicts({}).failure(RetryLater("full", after="nonsense"))
    assert failure == Failure("retry", "after='nonsense' is not a time: full")
    assert Verdicts({}).failure(RetryLater("full", after="5s")) == Failure("retry", "full", 5_000)


def test_an_exception_without_a_text_ends_its_run_alone() -> None:
    failure = Verdicts({}).failure(Unspeakable())
    assert failure == Failure("bug", "Unspeakable: its text cannot be had")


@pytest.mark.parametrize("kind", [RetryLater, GiveUp, ConnectionError, ValueError])
def test_what_went_wrong_is_told_in_bounds(kind: Callable[[str], Exception]) -> None:
    assert len(Verdicts({}).failure(kind("." * 10_000)).error) == REASON_MOST
