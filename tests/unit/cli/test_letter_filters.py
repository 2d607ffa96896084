"""What is typed to choose dead letters: wrong words are told, and so is what could not be asked."""

from __future__ import annotations

from io import StringIO

import pytest

from minuet.cli.letter_filters import Asked, Filters, asked
from minuet.cli.person import must_be_asked
from minuet.errors import UsageError
from minuet.event.record import TYPE
from minuet.inspection.letters import letter_of
from minuet.kafka.raw import Raw
from tests.integration.parcels import ROOT


def typed(filters: Filters) -> Asked:
    return asked("orders", filters, "127.0.0.1:1", ROOT)


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (Filters(step="charge_paymnt"), "--step charge_paymnt: orders has .*charge_payment"),
        (Filters(category="rejected"), "--category rejected: orders has retry, reject, .*early"),
        (Filters(begin="1h", end="2h"), "--from 1h is not before --to 2h"),
        (Filters(begin="2026-01-02", end="2026-01-02"), "is not before"),
    ],
)
def test_a_filter_that_can_fit_nothing_is_an_error(filters: Filters, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        typed(filters)


def test_filters_that_can_fit_are_taken() -> None:
    for category in ("retry", "reject", "poison", "bug", "in-doubt", "unreadable", "early"):
        order = typed(Filters("charge_payment", category, begin="2h", end="1h"))
        assert order.wanted.category == category


def test_letters_whose_event_cannot_be_read_are_told() -> None:
    order = typed(Filters(where="total > 1.0"))
    assert order.wanted.where is not None
    for offset in range(2):
        raw = Raw(0, offset, 1, b"order-1", b"no avro", ((TYPE, b"OrderPlaced"),))
        assert not order.wanted.where(letter_of(raw))
    [plain] = order.unread_plain()
    assert plain["letters"] == 2
    [line] = order.unread_lines()
    assert line == f"left out: 2, since --where cannot be asked: {plain['why']}"


def test_where_nobody_can_be_asked_somebody_has_to_have_agreed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())
    must_be_asked(yes=True, quiet=True)
    for quiet in (True, False):
        with pytest.raises(UsageError, match="say --yes, or --dry-run"):
            must_be_asked(yes=False, quiet=quiet, instead=", or --dry-run")
