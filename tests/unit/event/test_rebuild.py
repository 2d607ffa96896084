"""The request to make a table anew: what is asked for, and what is no such request."""

from __future__ import annotations

import pytest

from minuet.event.rebuild import Rebuild, headers_of, read
from minuet.event.record import TYPE, UnreadableHeaders, parse


@pytest.mark.parametrize("sagas", [None, frozenset(), frozenset(["a", "é, ü"])])
def test_what_is_asked_for_is_read_again(sagas: frozenset[str] | None) -> None:
    asked = Rebuild("ann", "a disk was bad", sagas)
    assert read(b"", headers_of(asked, 7)) == asked
    assert read(None, headers_of(asked, 7)) == asked


def test_to_the_fold_of_every_version_it_is_a_record_that_belongs_to_no_saga() -> None:
    with pytest.raises(UnreadableHeaders):
        parse(b"", b"", headers_of(Rebuild("ann", "x"), 7), 3, 7)


def test_what_has_a_key_another_type_or_headers_of_no_form_is_none() -> None:
    headers = headers_of(Rebuild("ann", "x", frozenset("a")), 7)
    assert read(b"a", headers) is None
    assert read(b"", []) is None
    assert read(b"", [(name, raw) for name, raw in headers if name != TYPE]) is None
    assert read(b"", [*headers, ("ce_sagas", b"{")]) is None
    assert read(b"", [*headers, ("ce_by", b"\xff")]) is None
