"""Bounds on what a what-if may find."""

from __future__ import annotations

from minuet.rehearsal.report import Report, limit, over


def test_of_no_saga_no_bound_is_kept() -> None:
    report = Report()
    assert over([], report) == []
    [why] = over([limit("different>0.1%"), limit("unknown>5")], report)
    assert "no saga was compared" in why


def test_what_is_over_is_named_as_it_was_typed() -> None:
    report = Report(sagas=10)
    report.kinds["outcome"] = 2
    bounds = [limit("outcome>1"), limit("different>20%"), limit("different > 19.9%")]
    assert over(bounds, report) == ["outcome>1", "different > 19.9%"]
