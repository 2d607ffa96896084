"""The table for people."""

from __future__ import annotations

from minuet.bench.figures import Figure, rounded, value

FIGURE = Figure("worker.cpu_s", "worker, CPU", "s", "of the run")


def test_a_figure_has_three_digits_or_all_before_the_point() -> None:
    assert value({"worker": {"cpu_s": 4.8765}}, FIGURE) == "4.88"
    assert value({"worker": {"cpu_s": 48765.4}}, FIGURE) == "48,765"


def test_a_figure_that_is_not_known_is_empty() -> None:
    assert value({"worker": {"cpu_s": None}}, FIGURE) == ""
    assert value({}, FIGURE) == ""


def test_figures_in_the_document_have_three_places() -> None:
    assert rounded({"a": [1.23456, 7], "b": {"c": 0.1 + 0.2}}) == {"a": [1.235, 7], "b": {"c": 0.3}}
