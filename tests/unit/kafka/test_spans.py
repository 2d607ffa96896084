"""What people type for a place in a topic."""

from __future__ import annotations

import pytest

from minuet.errors import UsageError
from minuet.kafka.spans import Moment, Offsets, Span, bound, refuse_backwards

NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("2h", Moment(NOW_MS - 7_200_000)),
        ("2027-01-15T08:00:00Z", Moment(NOW_MS)),
        ("2027-01-15T08:00:00", Moment(NOW_MS)),
        ("2027-01-15T09:00:00+01:00", Moment(NOW_MS)),
        ("2/1700", Offsets({2: 1700})),
        ("2/1700,3/0", Offsets({2: 1700, 3: 0})),
    ],
)
def test_what_is_typed_is_a_moment_or_offsets(text: str, found: object) -> None:
    assert bound(text, "--from", NOW_MS) == found


@pytest.mark.parametrize("text", ["yesterday", "1700", "2/", "2/1,", "/3", "2/-1", "2h ago"])
def test_anything_else_is_told_with_the_option_and_the_forms(text: str) -> None:
    with pytest.raises(UsageError, match=r"--from .*2h.*2026-11-24T10:00:00Z.*2/1700,3/0"):
        bound(text, "--from", NOW_MS)


@pytest.mark.parametrize(("begin", "end"), [("1h", "2h"), ("1h", "1h")])
def test_two_moments_of_which_the_end_comes_first_are_no_stretch(begin: str, end: str) -> None:
    both = bound(begin, "--from", NOW_MS), bound(end, "--to", NOW_MS)
    with pytest.raises(UsageError, match=r"orders\.events: the end of what is asked for is not"):
        refuse_backwards("orders.events", *both)
    refuse_backwards("orders.events", bound("2h", "--from", NOW_MS), bound("1h", "--to", NOW_MS))
    refuse_backwards("orders.events", None, both[1])


def test_a_span_says_how_much_it_can_be() -> None:
    assert Span({0: 10, 3: 0}, {0: 15, 3: 0}).most == 5
