"""Single values on the wire: each conversion is exact, or refuses.

Avro's logical types are applied here and not by fastavro, which gives it bare longs, bytes and
strings: so a decimal that does not fit is an error instead of a rounding, and a time without a
zone is not taken for the machine's own.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from enum import Enum
from typing import Any, cast
from uuid import UUID

from pydantic import AwareDatetime

from minuet.errors import ContractError

Json = Any  # a part of a schema as JSON
Convert = Callable[[Any], Any]

_INT_MOST = 2**31 - 1
_LONG_MOST = 2**63 - 1
_LONG_LEAST = -(2**63)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)
_MICROS_PER_SECOND = 1_000_000
_MICROS_PER_MILLI = 1_000
_SECONDS_PER_DAY = 86_400
_DECIMAL_SLACK = 8  # bytes that other writers may waste on leading signs; more is an attack


@dataclass(frozen=True, slots=True)
class Shape:
    """How one Python type stands in Avro.

    Args:
        kind: Avro's name for what it is: `long`, `record`, `union`.
        avro: the type as it stands in the schema.
        python: the class of its values.
        to_wire, from_wire: the conversions; none where the value goes as it is.
        parts: a record's fields, a list's items, a map's values.
        branches: a union's.
    """

    kind: str
    avro: Json
    python: type
    to_wire: Convert | None = None
    from_wire: Convert | None = None
    parts: Mapping[str, Shape] = field(default_factory=dict)
    branches: tuple[Shape, ...] = ()


def _long(value: Any) -> int:
    if type(value) is not int:  # fastavro would cut 1.5 to 1
        message = f"a whole number is needed, not {type(value).__name__}"
        raise ContractError(message)
    if not _LONG_LEAST <= value <= _LONG_MOST:
        message = "a whole number that does not fit in 64 bits"
        raise ContractError(message)
    return value


def _int(value: Any) -> int:
    if not -_INT_MOST - 1 <= _long(value) <= _INT_MOST:
        message = "a whole number that does not fit in 32 bits"
        raise ContractError(message)
    return int(value)


def _float(value: Any) -> float:
    try:
        (kept,) = struct.unpack("<f", struct.pack("<f", _double(value)))
    except OverflowError:
        kept = None
    if kept != value and value == value:  # what is no number equals nothing, and is kept
        message = "a number that 32 bits cannot keep"
        raise ContractError(message)
    return float(value)


def exact_double(whole: int) -> float:
    """Return a whole number as a float of the same value, as a reader of another version needs."""
    try:
        found = float(whole)
    except OverflowError:  # not from Avro's longs; kept total
        found = 0.0
    if int(found) != whole:
        message = "a whole number that a float cannot keep"
        raise ContractError(message)
    return found


def _double(value: Any) -> float:
    if type(value) is not float:  # fastavro would read the number out of a text
        message = f"a float is needed, not {type(value).__name__}"
        raise ContractError(message)
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:  # fastavro would take any value for its truth
        message = f"true or false is needed, not {type(value).__name__}"
        raise ContractError(message)
    return value


def _micros(moment: datetime) -> int:
    try:
        since = moment - _EPOCH
    except TypeError:
        message = "a datetime without a time zone"
        raise ContractError(message) from None
    seconds = since.days * _SECONDS_PER_DAY + since.seconds
    return seconds * _MICROS_PER_SECOND + since.microseconds


def _moment(micros: int) -> datetime:
    return _EPOCH + _MICROSECOND * micros


def _day(day: date) -> int:
    return day.toordinal() - _EPOCH_DAY


def _date(days: int) -> date:
    return date.fromordinal(days + _EPOCH_DAY)


def _time_micros(value: time) -> int:
    if value.tzinfo is not None:
        message = "a time of day with a time zone, which Avro cannot keep"
        raise ContractError(message)
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return seconds * _MICROS_PER_SECOND + value.microsecond


def _time(micros: int) -> time:
    seconds, microsecond = divmod(micros, _MICROS_PER_SECOND)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return time(hour, minute, second, microsecond)


def _millis(micros: int) -> int:
    millis, rest = divmod(micros, _MICROS_PER_MILLI)
    if rest:
        message = "a time with microseconds, where milliseconds are kept"
        raise ContractError(message)
    return millis


def _moment_millis(moment: datetime) -> int:
    return _millis(_micros(moment))


def _moment_of_millis(millis: int) -> datetime:
    return _moment(millis * _MICROS_PER_MILLI)


def _time_millis(value: time) -> int:
    return _millis(_time_micros(value))


def _time_of_millis(millis: int) -> time:
    return _time(millis * _MICROS_PER_MILLI)


def _logical(kind: str, name: str) -> Json:
    return {"type": kind, "logicalType": name}


SCALARS: dict[Any, Shape] = {
    shape.python: shape
    for shape in (
        Shape("null", "null", type(None)),
        Shape("boolean", "boolean", bool, _boolean),
        Shape("long", "long", int, _long),
        Shape("double", "double", float, _double),
        Shape("string", "string", str),
        Shape("bytes", "bytes", bytes),
        Shape("string", _logical("string", "uuid"), UUID, str, UUID),
        Shape("int", _logical("int", "date"), date, _day, _date),
        Shape("long", _logical("long", "time-micros"), time, _time_micros, _time),
        Shape("long", _logical("long", "timestamp-micros"), datetime, _micros, _moment),
    )
}
SCALARS[AwareDatetime] = SCALARS[datetime]

# By the form that `Wire` asks for, and the type that it is said of.
OTHER_FORMS: dict[tuple[str, Any], Shape] = {
    ("int", int): Shape("int", "int", int, _int),
    ("float", float): Shape("float", "float", float, _float),
    ("timestamp-millis", datetime): Shape(
        "long", _logical("long", "timestamp-millis"), datetime, _moment_millis, _moment_of_millis
    ),
    ("time-millis", time): Shape(
        "int", _logical("int", "time-millis"), time, _time_millis, _time_of_millis
    ),
}


def decimal_shape(precision: int, scale: int) -> Shape:
    """Return the shape of decimals of `precision` digits, `scale` of them after the point.

    A value comes back equal, always with `scale` digits after the point.
    """
    exact = Context(prec=precision, traps=[Inexact, InvalidOperation])
    step = Decimal(1).scaleb(-scale)
    bytes_most = _size(10**precision) + _DECIMAL_SLACK
    quantize, scaleb, multiply, whole = exact.quantize, exact.scaleb, exact.multiply, int.from_bytes

    def to_wire(value: Decimal) -> bytes:
        try:
            unscaled = int(scaleb(quantize(value, step), scale))
        except (DecimalException, TypeError, ValueError):
            message = f"not a decimal of {precision} digits, {scale} of them after the point"
            raise ContractError(message) from None
        return unscaled.to_bytes(_size(unscaled), "big", signed=True)

    def from_wire(raw: bytes) -> Decimal:
        if len(raw) > bytes_most:
            message = f"a decimal of {len(raw)} bytes, where {bytes_most} is the most"
            raise ContractError(message)
        return multiply(whole(raw, "big", signed=True), step)

    avro = {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}
    return Shape("bytes", avro, Decimal, to_wire, from_wire)


def _size(unscaled: int) -> int:
    """Return the fewest bytes of two's complement, as Java's BigInteger writes it."""
    return ((unscaled if unscaled >= 0 else ~unscaled).bit_length() >> 3) + 1


def enum_shape(name: str, enum: type[Enum], unknown: str = "") -> Shape:
    """Return the shape of an enum whose values are its Avro symbols, in the order written.

    Args:
        name: in Avro.
        enum: the class.
        unknown: the value that a symbol it has not is read as; empty to refuse such a symbol.
    """
    symbols = {member: member.value for member in enum}
    members = {value: member for member, value in symbols.items()}
    otherwise = members.get(unknown)
    avro: Json = {"type": "enum", "name": name, "symbols": list(members)}
    if otherwise is not None:
        avro["default"] = unknown

    def from_wire(raw: str) -> Enum:
        member = members.get(raw, otherwise)
        if member is None:
            message = f"a symbol that {enum.__name__} does not have"
            raise ContractError(message)
        return member

    return Shape("enum", avro, enum, cast("Convert", symbols.__getitem__), from_wire)
