"""Lines of JSON and CSV as events, or as reasons."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

import pytest

from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.publish.source import Row, read_csv, read_json_lines
from tests.unit.publish.order import OrderPlaced, line

NOON = datetime(2026, 11, 22, 10, 0, 0, 123456, UTC)
HEADER = b"order_id,total,placed_at,note\n"


def of_json(*lines: bytes, model: type[Event] = OrderPlaced) -> list[Row]:
    return list(read_json_lines(BytesIO(b"\n".join(lines)), model))


def of_csv(text: bytes) -> list[Row]:
    return list(read_csv(BytesIO(text), OrderPlaced))


def test_a_json_line_is_an_exact_event() -> None:
    (row,) = of_json(line("o-1"))
    assert row.event == OrderPlaced(order_id="o-1", total=Decimal("12.50"), placed_at=NOON)


def test_a_bad_line_has_its_number_its_text_and_a_reason_without_values() -> None:
    good, bad, after = of_json(line("o-1"), b'{"order_id": 7, "secret": "4711"}', line("o-2"))
    assert good.event is not None
    assert after.event is not None
    assert bad.number == 2
    assert bad.text == b'{"order_id": 7, "secret": "4711"}'
    assert bad.reason == (
        "order_id: Input should be a valid string; total: Field required; "
        "placed_at: Field required; and 1 more"
    )


@pytest.mark.parametrize("text", [b"not json", b"[]", b"7", b"{", b'{"order_id": "\xff"}', b"\x00"])
def test_what_is_no_json_object_is_refused_and_reading_goes_on(text: bytes) -> None:
    bad, good = of_json(text, line("o-1"))
    assert bad.event is None
    assert bad.reason
    assert good.event is not None


def test_empty_lines_count_as_lines_but_are_no_rows() -> None:
    rows = of_json(b"", line("o-1"), b"  ", line("o-2"), b"")
    assert [row.number for row in rows] == [2, 4]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    first, second = of_json(b"\xef\xbb\xbf" + line("o-1") + b"\r", line("o-2") + b"\r")
    assert first.event is not None
    assert second.text == line("o-2")


def test_a_number_that_json_would_cut_short_is_refused_not_rounded() -> None:
    text = b'{"order_id": "o-1", "total": 1234567890123456.78, "placed_at": "2026-01-01T00:00Z"}'
    (row,) = of_json(text)
    assert row.event is None
    assert "write it as a string" in row.reason


def test_a_long_run_of_digits_that_loses_nothing_goes_through() -> None:
    class Measured(Event):
        meter: str
        at: int
        value: float

    (row,) = of_json(
        b'{"meter": "12345678901234567890", "at": 12345678901234567, "value": 0.1234567890123456}',
        model=Measured,
    )
    assert row.event == Measured(
        meter="12345678901234567890", at=12345678901234567, value=0.1234567890123456
    )


def test_a_csv_row_is_an_exact_event_and_an_empty_cell_is_the_default() -> None:
    (row,) = of_csv(HEADER + b"o-1,12.50,2026-11-22T10:00:00.123456Z,\n")
    assert row.event == OrderPlaced(order_id="o-1", total=Decimal("12.50"), placed_at=NOON)
    assert row.number == 2


def test_a_csv_row_over_two_lines_keeps_its_first_number_and_all_its_text() -> None:
    first, second = of_csv(HEADER + b'o-1,x,y,"two\nlines"\no-2,1.00,2026-01-01T00:00:00Z,b\n')
    assert (first.number, first.text) == (2, b'o-1,x,y,"two\nlines"')
    assert first.reason.startswith("total: Input should be a valid decimal")
    assert (second.number, second.reason) == (4, "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"o-1,1.00\n", "2 cells under 4 names"),
        (b'o-1,1.00,"2026"x,a\n', "not CSV"),
        (b"o-\xff,1.00,2026-01-01T00:00:00Z,a\n", "not UTF-8"),
    ],
)
def test_a_bad_csv_row_is_refused_and_reading_goes_on(text: bytes, reason: str) -> None:
    bad, good = of_csv(HEADER + text + b"o-2,1.00,2026-01-01T00:00:00Z,a\n")
    assert bad.event is None
    assert reason in bad.reason
    assert bad.text == text.rstrip(b"\n")
    assert good.event is not None


def test_a_csv_that_names_a_field_twice_is_refused_whole() -> None:
    with pytest.raises(UsageError, match="'total' twice"):
        of_csv(b"order_id,total,total\no-1,1.00,2.00\n")


def test_empty_inputs_have_no_rows() -> None:
    assert of_json() == of_csv(b"") == of_csv(HEADER) == []
