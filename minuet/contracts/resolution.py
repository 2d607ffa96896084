"""Reading what was written with another schema: Avro's resolution, decided once for each pair.

fastavro decodes with the writer's schema alone; here its values become those of the reader's
model. Fields match by name, those only the writer has are dropped, and pydantic fills in those it
has not. A decimal of another scale, or milliseconds for microseconds, is refused: fastavro's own
resolution would read it as another value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

from minuet.contracts.composites import WIRE, array_shape, map_shape, within
from minuet.contracts.scalars import Convert, Json, Shape
from minuet.errors import ContractError

_PROMOTED = {("int", "long"), ("int", "double"), ("long", "double"), ("float", "double")}


def resolution(writer: Json, reader: Shape) -> Convert:
    """Return the conversion of what was decoded with `writer`'s schema into `reader`'s values.

    Raises:
        ContractError: they are not the same event, or a field's meaning differs; says which.
    """
    return _Resolver(_definitions(writer)).convert(writer, reader)


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
        if (kind, reader.kind) in _PROMOTED:
            return WIRE[reader.kind]
        if kind != reader.kind:
            _refuse(f"written as {kind}, read as {reader.kind}")
        match kind:
            case "record":
                return self.record(_named(writer, reader), reader)
            case "enum":
                _named(writer, reader)
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
        converts: list[tuple[str, Convert]] = []
        for name, info in reader.python.model_fields.items():  # type: ignore[attr-defined]
            if name in theirs:
                try:
                    converts.append((name, self.convert(theirs[name], reader.parts[name])))
                except ContractError as error:
                    raise within(name, error) from None
            elif info.is_required():
                _refuse(f"{name}: not written, and it has no default")

        def from_wire(raw: dict[str, Any]) -> dict[str, Any]:
            fields = {}
            for name, convert in converts:
                try:
                    fields[name] = convert(raw[name])
                except ContractError as error:
                    raise within(name, error) from None
            return fields

        return from_wire

    def from_union(self, writer: list[Json], reader: Shape) -> Convert:
        """Return the conversion by branch; one the reader has not is refused when it is met."""
        converts: dict[type, Convert] = {}
        for branch in writer:
            wire = WIRE[_kind(self.definition(branch))]
            if wire in converts:
                _refuse("a union of types that look alike")
            try:
                converts[wire] = self.convert(branch, reader)
            except ContractError as error:
                converts[wire] = _refuser(str(error))

        def from_wire(raw: Any) -> Any:
            return converts[type(raw)](raw)

        return from_wire

    def to_union(self, writer: Json, reader: Shape) -> Convert:
        """Return the conversion into the branch of the same kind, or else of a wider one."""
        kind = _kind(writer)
        same = [branch for branch in reader.branches if branch.kind == kind]
        wider = [branch for branch in reader.branches if (kind, branch.kind) in _PROMOTED]
        for branch in same or wider:
            return self.convert(writer, branch)
        return _refuse(f"written as {kind}, read as a union without it")


def _same(value: Any) -> Any:
    return value


def _refuse(message: str) -> NoReturn:
    raise ContractError(message)


def _refuser(message: str) -> Callable[[Any], NoReturn]:
    return lambda _: _refuse(message)


def _named(writer: Json, reader: Shape) -> Json:
    if writer["name"].rpartition(".")[2] != reader.python.__name__:
        _refuse(f"written as {writer['name']}, read as {reader.python.__name__}")
    return writer


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


def _definitions(avro: Json) -> dict[str, Json]:
    """Return every named type that a schema writes out."""
    if isinstance(avro, list):
        return {name: each for branch in avro for name, each in _definitions(branch).items()}
    if not isinstance(avro, dict):
        return {}
    inner = [field["type"] for field in avro.get("fields", ())]
    found = _definitions([*inner, *(avro[part] for part in ("items", "values") if part in avro)])
    return {avro["name"]: avro, **found} if "name" in avro else found
