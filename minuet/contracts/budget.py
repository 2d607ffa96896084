"""How much one value may come to: few bytes must not become so many objects that memory is full.

A schema alone says how many objects the bytes of a value can become at the most. Up to a number of
bytes, known for each schema, that is fewer than allowed, and nothing more is looked at: an event
pays for one comparison. Larger values are walked, without making any object, and counted.
"""

from __future__ import annotations

from typing import NoReturn

from minuet.contracts.safety import Size, definitions, size_of, sizes
from minuet.contracts.scalars import Json
from minuet.errors import ContractError

VALUE_BYTES_MOST = 16 * 1024 * 1024
OBJECTS_MOST = 250_000  # some 30 MB, as dicts and again as models

_RECORD = 2  # a dict, and the model it becomes
_RATES = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096, 16384, 65536)
_WIDTHS = {"null": 0, "boolean": 1, "float": 4, "double": 8}
_VARINT_BYTES_MOST = 10


def unguarded_bytes(avro: Json) -> int:
    """Return up to how many bytes a value cannot hold more objects than are allowed.

    Looks for the smallest rate of objects for each byte that no list or map can exceed.
    """
    for rate in _RATES:
        excess = _Excess(avro, rate)
        if excess.bounded:
            if not rate:
                return VALUE_BYTES_MOST
            return max(0, min(VALUE_BYTES_MOST, (OBJECTS_MOST - excess.most) // rate))
    return 0


def refuse_excess(avro: Json, value: bytes, start: int) -> None:
    """Refuse a value that is too large, or would become too many objects.

    Args:
        avro: the writer's schema, its names in full.
        value: the bytes.
        start: where the event begins in them.

    Raises:
        ContractError: says which limit.
    """
    if len(value) > VALUE_BYTES_MOST:
        message = f"a value of {len(value):,} bytes, where {VALUE_BYTES_MOST:,} is the most"
        raise ContractError(message)
    _Walk(avro, value, start).value(avro)


class _Excess:
    """By how many objects a value can exceed `rate` for each of its bytes: `most`.

    That has a bound only where no item of a list or a map exceeds it.
    """

    def __init__(self, avro: Json, rate: int) -> None:
        self.rate = rate
        self.bounded = True
        self.known: dict[str, int] = {}
        self.sizes: dict[str, Size] = {}
        self.most = self.of(avro)

    def of(self, avro: Json) -> int:
        """Return the excess of a type."""
        if isinstance(avro, str):
            return self.known.get(avro, 1 - self.rate * size_of(avro, self.sizes).least)
        if isinstance(avro, list):
            return max((self.of(branch) for branch in avro), default=0) - self.rate
        match avro["type"]:
            case "record" | "error":
                found = _RECORD + sum(self.of(field["type"]) for field in avro["fields"])
            case "array":
                self.bounded &= self.of(avro["items"]) <= 0
                found = 1 - self.rate
            case "map":  # the key is an object and a byte
                self.bounded &= self.of(avro["values"]) + 1 - self.rate <= 0
                found = 1 - self.rate
            case _:
                found = 1 - self.rate * size_of(avro, self.sizes).least
        if "name" in avro:
            self.known[avro["name"]] = found
        return found


class _Walk:
    """Walks the bytes of a value by its schema and counts the objects it would become."""

    def __init__(self, avro: Json, data: bytes, at: int) -> None:
        self.data, self.at = data, at
        self.left = OBJECTS_MOST
        self.sizes = sizes(avro)
        self.named = definitions(avro)

    def value(self, avro: Json) -> None:
        """Walk one value."""
        if isinstance(avro, list):
            return self.value(avro[self.number(len(avro) - 1)])
        kind = avro if isinstance(avro, str) else avro["type"]
        match kind:
            case "record" | "error":
                self.count(_RECORD)
                for field in avro["fields"]:
                    self.value(field["type"])
            case "array" | "map":
                self.count(1)
                self.items(avro["items" if kind == "array" else "values"], kind == "map")
            case "string" | "bytes":
                self.count(1)
                self.skip(self.number(len(self.data)))
            case "int" | "long" | "enum":
                self.count(1)
                self.varint()
            case "fixed":
                self.count(1)
                self.skip(avro["size"])
            case _ if kind in _WIDTHS:
                self.count(1)
                self.skip(_WIDTHS[kind])
            case _:
                self.value(self.named[kind] if isinstance(kind, str) else kind)
        return None

    def items(self, avro: Json, keyed: bool) -> None:
        """Walk the blocks of a list or a map; a count that the bytes cannot hold is refused."""
        least = size_of(avro, dict(self.sizes)).least + keyed
        width = _WIDTHS.get(avro, 0) if isinstance(avro, str) and not keyed else 0
        while count := self.varint():
            if count < 0:  # the size of the block follows
                count = -count
                self.varint()
            if count * least > len(self.data) - self.at:
                message = f"a list of {count:,} items in {len(self.data) - self.at:,} bytes"
                raise ContractError(message)
            if width:
                self.count(count)
                self.skip(count * width)
                continue
            for _ in range(count):
                if keyed:
                    self.value("string")
                self.value(avro)

    def count(self, objects: int) -> None:
        """Take objects from the budget."""
        self.left -= objects
        if self.left < 0:
            message = f"a value of more than {OBJECTS_MOST:,} parts"
            raise ContractError(message)

    def skip(self, width: int) -> None:
        """Go on by so many bytes."""
        self.at += width
        if self.at > len(self.data):
            _cut()

    def number(self, most: int) -> int:
        """Return a number that must not be negative, nor larger than `most`."""
        found = self.varint()
        if not 0 <= found <= most:
            _cut()
        return found

    def varint(self) -> int:
        """Return the next whole number."""
        raw = shift = 0
        for byte in self.data[self.at : self.at + _VARINT_BYTES_MOST]:
            self.at += 1
            raw |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (raw >> 1) ^ -(raw & 1)
            shift += 7
        _cut()


def _cut() -> NoReturn:
    message = "it ends too early, or is no such Avro"
    raise ContractError(message)
