"""What an older version of an event said, as the fields of a later one.

@upcast(StockReserved, from_version=1)
def with_warehouse(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "warehouse": "main"}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from minuet.event.model import Event

Fields = dict[str, Any]
Function = Callable[[Fields], Fields]

_F = TypeVar("_F", bound=Function)
_SAID = "__minuet_upcasts__"  # version -> function
_KNOWN = "__minuet_versions__"  # fingerprint of a committed schema -> its version


def upcast(event: type[Event], *, from_version: int) -> Callable[[_F], _F]:
    """Say how what was written as an older version of an event is read.

    The function takes the fields as that version has them and returns those of the next; the
    functions of later versions follow, and the model has the last word. Values are as Avro's
    logical types say (`Decimal`, `datetime` in UTC, `UUID`), enums are text, and records are
    dicts. It must depend on nothing else: the same bytes are read again and again.

    Args:
        event: the class of now.
        from_version: the committed version, `schemas/WORKFLOW/EVENT/v1.avsc` is 1.

    Raises:
        ValueError: the number is none, or another function is there for it already.
    """

    def mark(function: _F) -> _F:
        said: dict[int, Function] = dict(vars(event).get(_SAID, {}))
        other = said.get(from_version)
        again = other is not None and _place(other) == _place(function)  # its module once more
        if from_version < 1 or (other is not None and not again):
            why = "versions are counted from 1" if from_version < 1 else "it has an upcast"
            message = f"@upcast({event.__name__}, from_version={from_version}): {why}"
            raise ValueError(message)
        setattr(event, _SAID, {**said, from_version: function})
        return function

    return mark


def _place(function: Callable[..., object]) -> tuple[str, str]:
    return function.__module__, function.__qualname__


def upcasts_of(event: type[Event]) -> Mapping[int, Function]:
    """Return what `upcast` said of this class itself, by version."""
    found: Mapping[int, Function] = vars(event).get(_SAID, {})
    return found


def know_versions(event: type[Event], versions: Mapping[str, int]) -> None:
    """Tell which fingerprints its committed versions have: files that only a project knows."""
    setattr(event, _KNOWN, dict(versions))


def upcasting(event: type[Event], fingerprint: str) -> Function | None:
    """Return what makes fields written with this schema into those of now; None for nothing."""
    number = vars(event).get(_KNOWN, {}).get(fingerprint)
    said = upcasts_of(event)
    if number not in said:
        return None
    chain = [said[each] for each in sorted(said) if each >= number]

    def through(fields: Fields) -> Fields:
        for function in chain:
            fields = function(fields)
        return fields

    return through
