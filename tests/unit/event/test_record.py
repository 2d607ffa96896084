"""What a record must have so that folding it cannot fail."""

from __future__ import annotations

import pytest

from minuet.event.record import ATTEMPT, NOT_BEFORE, UnreadableHeaders, parse

GOOD = [("ce_id", b"1"), ("ce_type", b"OrderPlaced")]


def read(*more: tuple[str, bytes | None]) -> object:
    return parse(b"o-1", b"v", [*GOOD, *more], 7, 0)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        (ATTEMPT, b"abc"),
        (ATTEMPT, b"99999999999"),
        (NOT_BEFORE, b"-1"),
        (NOT_BEFORE, b"9" * 30),
        ("ce_rejects", b""),
        ("ce_undoes", b"\xff"),
        ("ce_step", b"\xc3"),
        ("ce_causes", b"\xfe,1"),
        ("ce_round", b"\xff\xff"),
    ],
)
def test_a_header_that_the_fold_could_not_read_is_refused(name: str, raw: bytes) -> None:
    with pytest.raises(UnreadableHeaders, match="offset 7"):
        read((name, raw))


def test_a_header_without_a_value_is_as_none() -> None:
    assert read(("ce_slot", None), ("x", None)) == read()


def test_an_id_without_a_value_is_refused() -> None:
    with pytest.raises(UnreadableHeaders, match="ce_id"):
        parse(b"o-1", b"v", [("ce_id", None), ("ce_type", b"T")], 7, 0)


def test_headers_of_others_may_be_any_bytes() -> None:
    assert read(("x-trace-bin", b"\xff\x00")) is not None
