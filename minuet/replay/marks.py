"""Which of very many things there were, in few bytes each: 64 bits of a hash, in an open table.

Two of ten million things have the same mark once in 370,000 times. A set of Python takes five
times as much memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

_BITS = (1 << 64) - 1
_FIRST = 1 << 10
_LENGTH = 4  # bytes before a key


class Marks:
    """A set of hashes; 12 to 24 bytes each."""

    def __init__(self) -> None:
        self._places = array("Q", [0]) * _FIRST
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, number: int) -> bool:
        """Take a hash; whether it is new."""
        places = self._places
        place, mark = self._find(places, number)
        if places[place]:
            return False
        places[place] = mark
        self._count += 1
        if 3 * self._count > 2 * len(places):
            self._grow()
        return True

    def __contains__(self, number: int) -> bool:
        return bool(self._places[self._find(self._places, number)[0]])

    def copy(self) -> Marks:
        """Return another that takes more without changing this one."""
        found = Marks()
        found._places, found._count = self._places[:], self._count
        return found

    @staticmethod
    def _find(places: array[int], number: int) -> tuple[int, int]:
        """Where it is, or has to be; and what stands for it there: 0 is an empty place."""
        mark = number & _BITS or 1
        most = len(places) - 1
        place = mark & most
        while (there := places[place]) and there != mark:
            place = (place + 1) & most
        return place, mark

    def _grow(self) -> None:
        wider = array("Q", [0]) * (2 * len(self._places))
        for mark in self._places:
            if mark:
                wider[self._find(wider, mark)[0]] = mark
        self._places = wider


class Keys:
    """A set of keys: their marks, and they themselves one behind the other."""

    def __init__(self) -> None:
        self._marks = Marks()
        self._text = bytearray()

    def __len__(self) -> int:
        return len(self._marks)

    def __contains__(self, key: object) -> bool:
        return hash(key) in self._marks

    def __iter__(self) -> Iterator[bytes]:
        """Each, in the order in which it came."""
        at = 0
        while at < len(self._text):
            begin = at + _LENGTH
            at = begin + int.from_bytes(self._text[at:begin], "big")
            yield bytes(self._text[begin:at])

    def add(self, key: bytes) -> None:
        """Take a key."""
        if self._marks.add(hash(key)):
            self._text += len(key).to_bytes(_LENGTH, "big") + key
