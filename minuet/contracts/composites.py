"""Lists, maps, models and unions on the wire, built from the shapes of their parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from minuet.contracts.scalars import Convert, Json, Shape
from minuet.errors import ContractError

# The class of what fastavro reads for each kind.
WIRE: dict[str, type] = {
    "null": type(None),
    "boolean": bool,
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "string": str,
    "enum": str,
    "bytes": bytes,
    "fixed": bytes,
    "array": list,
    "map": dict,
    "record": dict,
}


def within(name: str, error: ContractError) -> ContractError:
    """Return the error with the name of the field it is in."""
    return ContractError(f"{name}: {error}")


def array_shape(items: Shape, python: type) -> Shape:
    """Return the shape of a list, or of a tuple of any length."""
    out, back = items.to_wire, items.from_wire

    def to_wire(values: Sequence[Any]) -> list[Any]:
        return [out(value) for value in values] if out else list(values)

    def from_wire(raw: list[Any]) -> Sequence[Any]:
        values = [back(value) for value in raw] if back else raw
        return tuple(values) if python is tuple else values

    avro = {"type": "array", "items": items.avro}
    changed = back is not None or python is tuple
    return Shape("array", avro, python, to_wire, from_wire if changed else None, {"items": items})


def map_shape(values: Shape) -> Shape:
    """Return the shape of a dict by text; its keys are sorted, so equal dicts have equal bytes."""
    out, back = values.to_wire, values.from_wire

    def to_wire(value: Mapping[str, Any]) -> Mapping[str, Any]:
        return {key: out(value[key]) if out else value[key] for key in sorted(value)}

    def from_wire(raw: Mapping[str, Any]) -> Mapping[str, Any]:
        assert back
        return {key: back(value) for key, value in raw.items()}

    avro = {"type": "map", "values": values.avro}
    return Shape("map", avro, dict, to_wire, from_wire if back else None, {"values": values})


def record_shape(avro: Json, model: type[BaseModel], fields: Mapping[str, Shape]) -> Shape:
    """Return the shape of a model; on the way back it is a dict for pydantic to validate."""
    out = tuple((name, shape.to_wire) for name, shape in fields.items() if shape.to_wire)
    back = tuple((name, shape.from_wire) for name, shape in fields.items() if shape.from_wire)

    def to_wire(value: BaseModel) -> Mapping[str, Any]:
        if type(value) is not model:  # a subclass has more fields than the schema keeps
            message = f"{model.__name__} is needed, not {type(value).__name__}"
            raise ContractError(message)
        raw = value.__dict__.copy()
        for name, convert in out:
            try:
                raw[name] = convert(raw[name])
            except ContractError as error:
                raise within(name, error) from None
        return raw

    def from_wire(raw: dict[str, Any]) -> dict[str, Any]:
        for name, convert in back:
            try:
                raw[name] = convert(raw[name])
            except ContractError as error:
                raise within(name, error) from None
        return raw

    return Shape("record", avro, model, to_wire, from_wire, fields)


def union_shape(branches: Sequence[Shape]) -> Shape:
    """Return the shape of a union; on the wire, the class of a value tells its branch.

    Records are told apart by their names, which fastavro gives with each (`has_records_apart`).

    Raises:
        ContractError: two branches look alike on the wire.
    """
    records = [branch for branch in branches if branch.kind == "record"]
    others = {WIRE[branch.kind] for branch in branches if branch.kind != "record"}
    names = {branch.python.__name__ for branch in records}
    if len(names) + len(others) < len(branches) or (records and dict in others):
        message = "two of its types look alike in Avro"
        raise ContractError(message)
    avro = [branch.avro for branch in branches]
    if len(branches) == 2 and type(None) in others and all(map(_is_plain, branches)):
        # fastavro tells these two apart itself, and faster.
        return Shape("union", avro, object, branches=tuple(branches))
    by_class = {branch.python: (_tag(branch), branch.to_wire) for branch in branches}

    def to_wire(value: Any) -> Any:
        if value is None and type(None) in by_class:
            return None
        found = by_class.get(type(value))
        if found is None:
            message = f"{type(value).__name__} is none of the types of the union"
            raise ContractError(message)
        tag, convert = found
        raw = convert(value) if convert else value
        # fastavro is told the branch, since what it would guess is the first that fits.
        return (tag, raw)

    back = {WIRE[branch.kind]: branch.from_wire for branch in branches if branch.from_wire}
    if len(records) > 1:
        back[tuple] = by_name({_tag(branch): validated(branch) for branch in records})

    def from_wire(raw: Any) -> Any:
        convert: Convert | None = back.get(type(raw))
        return convert(raw) if convert else raw

    changed = from_wire if back else None
    return Shape("union", avro, object, to_wire, changed, branches=tuple(branches))


def by_name(converts: Mapping[str, Convert]) -> Convert:
    """Return the conversion of a record that comes with its name."""

    def from_wire(named: tuple[str, dict[str, Any]]) -> Any:
        name, raw = named
        return converts[name](raw)

    return from_wire


def validated(record: Shape) -> Convert:
    """Return the conversion of a record into its model: pydantic itself would guess which one."""
    convert = record.from_wire
    validate = record.python.__pydantic_validator__.validate_python  # type: ignore[attr-defined]
    assert convert

    def from_wire(raw: dict[str, Any]) -> Any:
        try:
            return validate(convert(raw))
        except ValidationError as error:
            raise ContractError(refused_fields(error)) from None

    return from_wire


def refused_fields(error: ValidationError) -> str:
    """Return which fields a model refuses and why, without what they hold."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)


def _is_plain(branch: Shape) -> bool:
    return isinstance(branch.avro, str) and not (branch.to_wire or branch.from_wire)


def _tag(branch: Shape) -> str:
    """Return the name by which fastavro knows a branch."""
    if isinstance(branch.avro, str):
        return branch.avro
    named = branch.avro.get("name") or branch.avro["type"]
    return str(named)
