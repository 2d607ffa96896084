"""What a process runs right now, in a mapped file: it outlives whatever kills the process.

The file's pages are the kernel's, so that a write is there for the next process without any call to
the system, after a segmentation fault and SIGKILL too. A write costs less than 0.1 us.

Layout: the number of the entry that is on the CPU, the length of the value being decoded, then the
entries of 64 bytes, each the name of a run and whether it has a thread, and last that value behind
its schema's name.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Coroutine, Generator
from hashlib import blake2b
from pathlib import Path
from typing import Any

ENTRIES = 2_048  # runs in flight that can be named; what is beyond is not remembered
VALUE_MOST = 1 << 20  # of a value, whose beginning and length name it
_ENTRY = 64
_ON_LOOP = 1  # the entry of what runs on the loop from its start to its end
_VALUE_AT = _ENTRY * (ENTRIES + 2)
_SIZE = _VALUE_AT + VALUE_MOST

_name = struct.Struct(f"{_ENTRY - 1}sB").pack_into


class Journal:
    """The journal of this process.

    Args:
        file: new, open for reading and writing; it stays open, as what holds its lock.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        file.write(bytes(_SIZE))  # or a full disk would be a bus error at some later store
        file.flush()
        self._map = mmap.mmap(file.fileno(), _SIZE)
        self._words = memoryview(self._map).cast("I")
        self._free = list(range(ENTRIES, _ON_LOOP, -1))

    def begin(self, name: str) -> None:
        """Note what begins to run on the loop."""
        _name(self._map, _ENTRY * _ON_LOOP, name.encode(), 0)
        self._words[0] = _ON_LOOP

    def end(self) -> None:
        """Note that it has ended, or waits."""
        self._words[0] = 0

    def decode(self, schema_and_value: bytes) -> None:
        """Note what begins to be decoded."""
        size = len(schema_and_value)
        if size <= VALUE_MOST:
            self._map[_VALUE_AT : _VALUE_AT + size] = schema_and_value
        else:
            self._map[_VALUE_AT:_SIZE] = schema_and_value[:VALUE_MOST]
        self._words[1] = size

    def decoded(self) -> None:
        """Note that it was decoded, or refused."""
        self._words[1] = 0

    def thread(self, name: str, function: Callable[[], Any]) -> Any:
        """Call a function in this thread, which is not the loop's, and note it meanwhile."""
        place = self._take(name, in_thread=1)
        try:
            return function()
        finally:
            self._give_back(place)

    async def watch(self, name: str, begin: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine; note that it is in flight, and when it is on the CPU."""
        place = self._take(name)
        try:
            return await _Watched(self._words, place, begin())
        finally:
            self._give_back(place)

    def _take(self, name: str, in_thread: int = 0) -> int:
        try:
            place = self._free.pop()
        except IndexError:
            return 0
        _name(self._map, _ENTRY * place, name.encode(), in_thread)
        return place

    def _give_back(self, place: int) -> None:
        if place:
            self._map[_ENTRY * place] = 0
            self._free.append(place)

    def close(self) -> None:
        """Remove the file: a clean end."""
        self._words.release()
        self._map.close()
        Path(self._file.name).unlink(missing_ok=True)
        self._file.close()


class _Watched:
    """A coroutine that is noted as on the CPU between its waits."""

    def __init__(self, words: memoryview, place: int, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._words, self._place, self._coroutine = words, place, coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        words, place = self._words, self._place
        step, given = self._coroutine.send, None
        while True:
            words[0] = place
            try:
                waits_for = step(given)
            except StopIteration as end:
                return end.value
            except SystemExit as end:  # in a task it would end the process, and again the next one
                message = f"SystemExit: {end.code}"
                raise RuntimeError(message) from end
            finally:
                words[0] = 0
            try:
                step, given = self._coroutine.send, (yield waits_for)
            except BaseException as error:
                step, given = self._coroutine.throw, error


def value_name(schema_and_value: bytes, size: int = -1) -> str:
    """Return by what a value is known that killed a process while it was decoded.

    Args:
        schema_and_value: its bytes behind the name of its schema; the beginning is enough.
        size: of all of it.
    """
    known = blake2b(schema_and_value[:VALUE_MOST], digest_size=16)
    known.update(str(len(schema_and_value) if size < 0 else size).encode())
    return f"value:{known.hexdigest()}"


def suspects(file: Path) -> tuple[list[str], bool]:
    """Return what a dead process may have died of, by its journal, and whether it was at work.

    What was being decoded, or was on the CPU of the loop's thread, and what ran in other threads;
    when there was none of that, all that was in flight: something it began may have killed. Only
    the loop's thread is known to have worked, and not waited.
    """
    raw = file.read_bytes()
    if len(raw) < _SIZE:
        return [], False
    current, size = struct.unpack_from("II", raw)
    flying = [raw[at : at + _ENTRY] for at in range(2 * _ENTRY, _VALUE_AT, _ENTRY) if raw[at]]
    found = [_read(entry) for entry in flying if entry[-1]]
    if size:
        found.append(value_name(raw[_VALUE_AT : _VALUE_AT + min(size, VALUE_MOST)], size))
    elif current:
        found.append(_read(raw[_ENTRY * current : _ENTRY * (current + 1)]))
    names = dict.fromkeys(found or [_read(entry) for entry in flying])
    return list(names), bool(size or current)


def _read(entry: bytes) -> str:
    return entry[:-1].partition(b"\0")[0].decode(errors="replace")
