"""Which rows are made anew: those that differ, and all that are meant where not each is named."""

from __future__ import annotations

from minuet.replay.outlook import Choice
from minuet.replay.own_rows import differing, to_renew
from minuet.verify import Difference, Report
from minuet.verify.report import SHOWN_MOST


def report(differences: int) -> Report:
    found = Report("orders")
    for number in range(differences):
        found.differs(Difference("row", f"o-{number}", 0, number, "it differs"))
    return found


def test_those_that_differ_are_made_anew_if_each_is_named() -> None:
    found = differing(report(2))
    assert to_renew(found, Choice(None)) == ("o-0", "o-1")
    assert to_renew(differing(report(0)), Choice(None)) == ()


def test_all_that_are_meant_are_made_anew_if_not_each_is_named() -> None:
    found = differing(report(SHOWN_MOST + 1))
    assert not found.complete
    assert to_renew(found, Choice(None)) is None
    assert to_renew(found, Choice(frozenset([b"o-1000", b"o-7"]))) == ("o-1000", "o-7")
