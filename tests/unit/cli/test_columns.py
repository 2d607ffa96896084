from __future__ import annotations

from minuet.cli.columns import columns


def test_columns_are_as_wide_as_they_must_be_and_numbers_stand_on_the_right() -> None:
    rows = [("order-1", 7, ""), ("o", 1234, "late")]
    assert list(columns(("saga", "offset", "note"), rows)) == [
        "SAGA     OFFSET  NOTE",
        "order-1       7",
        "o         1,234  late",
    ]


def test_no_rows_leave_the_heading() -> None:
    assert list(columns(("saga", "at"), [])) == ["SAGA  AT"]
