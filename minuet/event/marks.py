"""What a model may say of itself beyond its types; all of it is kept in the schema.

@contract(compatibility="BACKWARD")
class ParcelSent(Event):
    recipient: Annotated[str, Pii()]
    parcel_id: Annotated[str, Formerly("id")]
    sent_at: Annotated[datetime, Wire("timestamp-millis")]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

Compatibility = Literal[
    "FULL_TRANSITIVE", "FULL", "BACKWARD_TRANSITIVE", "BACKWARD",
    "FORWARD_TRANSITIVE", "FORWARD", "NONE",
]  # fmt: skip
LEVELS: tuple[Compatibility, ...] = get_args(Compatibility)

_C = TypeVar("_C", bound=type)
_SAID = "__minuet_contract__"


@dataclass(frozen=True)
class Pii:
    """Marks a field as personal data: `name: Annotated[str, Pii()]`. Reading does not change."""


@dataclass(frozen=True)
class Wire:
    """Asks for another form in Avro than the usual one; a value that does not fit it is refused.

    Args:
        form: `int` for int, `float` for float, `timestamp-millis` for datetime, `time-millis`
            for time.
    """

    form: Literal["int", "float", "timestamp-millis", "time-millis"]


class Formerly:
    """Says which names a field had: what was written under them is read as this field.

    Args:
        names: as they stand in older versions.
    """

    def __init__(self, *names: str) -> None:
        self.names = names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formerly) and self.names == other.names

    def __hash__(self) -> int:
        return hash(self.names)


@dataclass(frozen=True)
class Contract:
    """What `contract` said of a class; see there."""

    compatibility: Compatibility = "FULL_TRANSITIVE"
    namespace: str | None = None
    formerly: tuple[str, ...] = ()
    unknown: str = ""


def contract(
    *,
    compatibility: Compatibility = "FULL_TRANSITIVE",
    namespace: str | None = None,
    formerly: Sequence[str] = (),
    unknown: str = "",
) -> Callable[[_C], _C]:
    """Say of an event, of a model inside one, or of an enum what Avro cannot know from its types.

    Args:
        compatibility: of an event: what a new version must keep to.
        namespace: of the Avro name, empty for none; else the last part of the module's name.
        formerly: names it had, by which it is known in older versions.
        unknown: of an enum: the value that a symbol of a newer version is read as.
    """
    if compatibility not in LEVELS:
        message = f"{compatibility!r} is no compatibility: write one of {', '.join(LEVELS)}"
        raise ValueError(message)
    said = Contract(compatibility, namespace, tuple(formerly), unknown)

    def mark(cls: _C) -> _C:
        setattr(cls, _SAID, said)
        return cls

    return mark


def contract_of(cls: type) -> Contract:
    """Return what `contract` said of this class itself; a subclass inherits nothing."""
    said = vars(cls).get(_SAID)
    return said if isinstance(said, Contract) else Contract()


def marks(hint: Any, metadata: Sequence[Any]) -> Iterator[Any]:
    """Return all that is said with `Annotated`, of a type and of the types inside it."""
    yield from metadata
    inner = getattr(hint, "__value__", None) or getattr(hint, "__supertype__", None)
    if inner is not None:
        yield from marks(inner, ())
    yield from getattr(hint, "__metadata__", ())
    for part in get_args(hint):
        if isinstance(part, type) or get_args(part) or hasattr(part, "__value__"):
            yield from marks(part, ())


def is_pii(hint: Any, metadata: Sequence[Any]) -> bool:
    """Return whether a field, or anything in it, is marked as personal data."""
    return any(said is Pii or isinstance(said, Pii) for said in marks(hint, metadata))


def former_names(hint: Any, metadata: Sequence[Any]) -> tuple[str, ...]:
    """Return the names that a field had."""
    found = (said.names for said in marks(hint, metadata) if isinstance(said, Formerly))
    return tuple(name for names in found for name in names)
