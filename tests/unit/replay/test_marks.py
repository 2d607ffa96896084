"""Sets of very many things in little memory say the same as Python's own."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from minuet.replay.marks import Keys, Marks

NUMBERS = st.one_of(st.integers(-5, 5), st.integers(-(1 << 63), (1 << 63) - 1))


@settings(deadline=None)
@given(st.lists(NUMBERS), NUMBERS)
def test_marks_say_what_a_set_says(numbers: list[int], other: int) -> None:
    marks, known = Marks(), set[int]()
    for number in numbers:
        mark = number % (1 << 64) or 1
        assert marks.add(number) is (mark not in known)
        known.add(mark)
    assert len(marks) == len(known)
    assert all(number in marks for number in numbers)
    assert (other in marks) is ((other % (1 << 64) or 1) in known)


def test_marks_grow_and_a_copy_is_its_own() -> None:
    marks = Marks()
    for number in range(5_000):
        assert marks.add(number << 20)  # the lowest bits are alike
    copy = marks.copy()
    assert copy.add(-1)
    assert (len(marks), len(copy), -1 in marks, -1 in copy) == (5_000, 5_001, False, True)
    assert all(number << 20 in copy for number in range(5_000))
    assert (5_000 << 20) not in copy


def test_keys_are_told_in_their_order_and_each_once() -> None:
    keys = Keys()
    for key in (b"b", b"a", b"", b"b", "ü".encode(), b"a"):
        keys.add(key)
    assert list(keys) == [b"b", b"a", b"", "ü".encode()]
    keys.add(b"c")
    assert (list(keys)[-1], len(keys), b"c" in keys, b"d" in keys) == (b"c", 5, True, False)


def test_a_hundred_thousand_keys_need_no_five_megabytes() -> None:
    tracemalloc.start()
    try:
        keys = Keys()
        for number in range(100_000):
            keys.add(b"order-%08d" % number)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(keys) == 100_000
    assert peak < 5_000_000
