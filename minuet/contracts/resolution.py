"""Reading what was written with another schema: Avro's resolution, decided once for each pair.

fastavro decodes with the writer's schema alone; here its values become those of the reader's
model. Fields match by name, those only the writer has are dropped, and pydantic fills in those it
has not; a field or a type that was renamed is known by its former name. A decimal of another scale,
or milliseconds for microseconds, is refused: fastavro's own resolution would read it as another
value. What can be read is told beforehand by `minuet.evolution`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

from minuet.contracts.composites import (
    WIRE,
    array_shape,
    by_name,
    map_shape,
    validated,
    within,
)
from minuet.contracts.safety import definitions
from minuet.contracts.scalars import Convert, Json, Shape, exact_double
from minuet.contracts.shape import full_name
from minuet.errors import ContractError
from minuet.event.marks import contract_of, former_names

_PROMOTED: dict[tuple[str, str], Convert] = {
    ("int", "long"): int,
    ("int", "double"): float,
    ("long", "double"): exact_double,
    ("float", "double"): float,
}


def resolution(writer: Json, reader: Shape) -> Convert:
    """Return the conversion of what was decoded with `writer`'s schema into `reader`'s values.

    Raises:
        ContractError: they are not the same event, or a field's meaning differs; says which.
    """
    return _Resolver(definitions(writer)).convert(writer, reader)


class _Resolver:
    """Walks a writer's schema beside the reader's shape; `known` are the writer's named types."""

    def __init__(self, known: dict[str, Json]) -> None:
        self.known = known

    def convert(self, writer: Json, reader: Shape) -> Convert:
        """Return the conversion of one type's values."""
        writer = self.definition(writer)
        if isinstance(writer, list):
            return self.from_union(writer, reader)
        if reader.branches:
            return self.to_union(writer, reader)
        return self.of_kind(writer, reader)

    def definition(self, writer: Json) -> Json:
        """Return what a name stands for."""
        return self.known.get(writer, writer) if isinstance(writer, str) else writer

    def of_kind(self, writer: Json, reader: Shape) -> Convert:
        """Return the conversion between types that are no unions."""
        kind = _kind(writer)
        if _meaning(writer) != _meaning(reader.avro):
            theirs, ours = _meaning(writer) or kind, _meaning(reader.avro) or reader.kind
            _refuse(f"written as {theirs}, read as {ours}")
        if promoted := _PROMOTED.get((kind, reader.kind)):
            return promoted
        if kind != reader.kind:
            _refuse(f"written as {kind}, read as {reader.kind}")
        match kind:
            case "record":
                return self.record(_named(writer, reader.python), reader)
            case "enum":
                _named(writer, reader.python)
            case "array":
                items = self.part(writer["items"], reader.parts["items"])
                return array_shape(items, reader.python).from_wire or _same
            case "map":
                values = self.part(writer["values"], reader.parts["values"])
                return map_shape(values).from_wire or _same
        return reader.from_wire or _same

    def part(self, writer: Json, reader: Shape) -> Shape:
        """Return the reader's shape of a list's items or a map's values, made for the writer."""
        return replace(reader, from_wire=self.convert(writer, reader))

    def record(self, writer: Json, reader: Shape) -> Convert:
        """Return the conversion of a record, to the fields that both sides have."""
        theirs = {field["name"]: field["type"] for field in writer["fields"]}
        converts: list[tuple[str, str, Convert]] = []
        for name, info in reader.python.model_fields.items():  # type: ignore[attr-defined]
            names = (name, *former_names(info.annotation, info.metadata))
            if written := next((each for each in names if each in theirs), ""):
                try:
                    convert = self.convert(theirs[written], reader.parts[name])
                except ContractError as error:
                    raise within(name, error) from None
                converts.append((name, written, convert))
            elif info.is_required():
                _refuse(f"{name}: not written, and it has no default")

        def from_wire(raw: dict[str, Any]) -> dict[str, Any]:
            fields = {}
            for name, written, convert in converts:
                try:
                    fields[name] = convert(raw[written])
                except ContractError as error:
                    raise within(name, error) from None
            return fields

        return from_wire

    def from_union(self, writer: list[Json], reader: Shape) -> Convert:
        """Return the conversion by branch; one the reader has not is refused when it is met."""
        converts: dict[type, Convert] = {}
        records: dict[str, Convert] = {}
        for branch in map(self.definition, writer):
            kind = _kind(branch)
            wire = WIRE[kind]
            if wire in converts and not (records and kind == "record"):
                _refuse("a union of types that look alike")
            try:
                convert = self.convert(branch, reader)
            except ContractError as error:
                convert = _refuser(str(error))
            if kind == "record":
                records[branch["name"]] = convert
            converts[wire] = convert
        if len(records) > 1:
            converts[tuple] = by_name(records)

        def from_wire(raw: Any) -> Any:
            return converts[type(raw)](raw)

        return from_wire

    def to_union(self, writer: Json, reader: Shape) -> Convert:
        """Return the conversion into the branch of the same kind, or else of a wider one."""
        kind = _kind(writer)
        same = [branch for branch in reader.branches if branch.kind == kind]
        wider = [branch for branch in reader.branches if (kind, branch.kind) in _PROMOTED]
        if kind == "record" and len(same) > 1:
            for branch in same:
                if _is_named(writer, branch.python):
                    return validated(self.part(writer, branch))
            return _refuse(f"written as {writer['name']}, read as a union without it")
        for branch in same or wider:
            return self.convert(writer, branch)
        return _refuse(f"written as {kind}, read as a union without it")


def _same(value: Any) -> Any:
    return value


def _refuse(message: str) -> NoReturn:
    raise ContractError(message)


def _refuser(message: str) -> Callable[[Any], NoReturn]:
    return lambda _: _refuse(message)


def _named(writer: Json, reader: type) -> Json:
    if not _is_named(writer, reader):
        _refuse(f"written as {writer['name']}, read as {reader.__name__}")
    return writer


def _is_named(writer: Json, reader: type) -> bool:
    """Return whether a type has the writer's name, as Avro compares them, or had it."""
    if writer["name"].rpartition(".")[2] == reader.__name__:
        return True
    space, dot, _ = full_name(reader).rpartition(".")
    former = contract_of(reader).formerly
    return writer["name"] in {name if "." in name else f"{space}{dot}{name}" for name in former}


def _kind(avro: Json) -> str:
    kind = avro if isinstance(avro, str) else avro["type"]
    return "record" if kind == "error" else str(kind)


def _meaning(avro: Json) -> str:
    """Return the logical type and its limits; text is the same value whatever it is called."""
    if not isinstance(avro, dict) or "logicalType" not in avro or avro["type"] == "string":
        return ""
    if avro["logicalType"] != "decimal":
        return str(avro["logicalType"])
    return f"decimal({avro['precision']}, {avro.get('scale', 0)})"
