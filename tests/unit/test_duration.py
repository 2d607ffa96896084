"""Lengths of time as people write them."""

from __future__ import annotations

import pytest

from minuet.duration import parse_ms


@pytest.mark.parametrize(
    ("text", "length_ms"),
    [("200ms", 200), ("10s", 10_000), ("1.5s", 1500), ("1m", 60_000), ("7d", 604_800_000)],
)
def test_a_number_and_a_unit_is_a_length_of_time(text: str, length_ms: int) -> None:
    assert parse_ms(text) == length_ms


@pytest.mark.parametrize(
    "text", ["", "10", "s", "-1s", "1 s", "10sec", "0s", "0.1ms", "1e3s", None]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a length of time"):
        parse_ms(text)
