"""How an event's model stands in Avro: one walk gives the schema and the conversions both ways.

What would not come back equal is refused when the model is read, with the mend: a decimal of
unknown scale, a union whose branches look alike, a set, a default that differs each time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from inspect import getsourcefile, getsourcelines
from types import UnionType
from typing import Annotated, Any, Literal, NoReturn, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, RootModel
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from minuet.contracts.composites import array_shape, map_shape, record_shape, union_shape
from minuet.contracts.defaults import default_json
from minuet.contracts.safety import DIGITS_MOST
from minuet.contracts.scalars import (
    OTHER_FORMS,
    SCALARS,
    Json,
    Shape,
    decimal_shape,
    enum_shape,
)
from minuet.errors import ContractError, DefinitionError
from minuet.event.marks import Wire, contract_of, former_names, is_pii

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MONEY = "Annotated[Decimal, Field(max_digits=12, decimal_places=2)]"
_MENDS = {
    "set": "write tuple[…, ...] or list[…]: a set has no order, so no stable bytes",
    "frozenset": "write tuple[…, ...] or list[…]: a set has no order, so no stable bytes",
    "timedelta": "write an int with the unit in its name, as wait_ms: Avro has no exact duration",
    "NaiveDatetime": "write datetime: moments are UTC on the wire",
    "dict": "write dict[str, …] with one type of value",
    "list": "write list[…] with one type of item",
    "tuple": "write tuple[…, ...] with one type of item, or a model with named fields",
    "Any": "name the types it may be, as int | str",
    "object": "name the types it may be, as int | str",
}


def shape_of(model: type[BaseModel]) -> Shape:
    """Return how `model` stands in Avro.

    Raises:
        DefinitionError: a field cannot be kept exactly; says which, and what to write instead.
    """
    return _Walk(model).record(model)


def full_name(cls: type) -> str:
    """Return the Avro name: the last part of the module's name, and the class; ours are minuet."""
    module = cls.__module__
    inside = module == "minuet" or module.startswith("minuet.")
    said = contract_of(cls).namespace
    space = said if said is not None else "minuet" if inside else module.rpartition(".")[2]
    return f"{space}.{cls.__name__}" if space else cls.__name__


class _Walk:
    """One model's types, depth first; a named type is written out where it is first met."""

    def __init__(self, root: type[BaseModel]) -> None:
        self.root = root
        self.path: list[str] = []
        self.named: dict[str, type] = {}
        self.open: list[type] = []

    def record(self, model: type[BaseModel]) -> Shape:
        """Return the shape of a model, its fields in the order written."""
        if model in self.open:
            mend = "give it the id of what it refers to: an event is not a tree without end"
            self.refuse(f"{model.__name__} contains itself", mend)
        self.check(model)
        known, name = self.name(model)
        self.open.append(model)
        fields: list[Json] = []
        shapes: dict[str, Shape] = {}
        for field, info in model.model_fields.items():
            self.path.append(field)
            default = self.default(info)
            shape = shapes[field] = self.shape(info.annotation, info.metadata, default)
            said = self.said(info, set(model.model_fields) - {field})
            fields.append({"name": field, "type": shape.avro, **said})
            if default:
                fields[-1]["default"] = self.default_json(shape, default[0])
            self.path.pop()
        self.open.pop()
        avro = {"type": "record", "name": name, "fields": fields, **self.contract(model)}
        return record_shape(name if known else avro, model, shapes)

    def said(self, info: FieldInfo, others: set[str]) -> Json:
        """Return a field's marks as they stand in the schema."""
        formerly = former_names(info.annotation, info.metadata)
        if taken := others.intersection(formerly):
            what = f"{min(taken)} was its name and is another field's"
            self.refuse(what, "name the new field in another way, or leave Formerly out")
        if not all(map(_NAME.fullmatch, formerly)):
            self.refuse("a former name is no Avro name", "use ASCII letters, digits and _")
        found: Json = {"aliases": list(formerly)} if formerly else {}
        return {**found, "pii": True} if is_pii(info.annotation, info.metadata) else found

    def contract(self, named: type) -> Json:
        """Return what was said of a class as it stands in the schema."""
        said = contract_of(named)
        if not all(map(_NAME.fullmatch, ".".join(said.formerly).split("."))) and said.formerly:
            self.refuse("a former name is no Avro name", "use ASCII letters, digits and _")
        found: Json = {"aliases": list(said.formerly)} if said.formerly else {}
        if said.compatibility != "FULL_TRANSITIVE" and named is self.root:
            found["compatibility"] = said.compatibility
        return found

    def shape(self, hint: Any, metadata: Sequence[Any], default: tuple[Any, ...] = ()) -> Shape:
        """Return the shape of a type hint; `default` puts its branch of a union first."""
        hint, metadata = _unwrapped(hint, metadata)
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in (Union, UnionType):
            return self.union(arguments, metadata, default)
        if origin is Literal:
            return self.literal(arguments)
        if origin in (list, tuple) and _is_homogeneous(origin, arguments):
            return array_shape(self.shape(arguments[0], ()), origin)
        if origin is dict and _unwrapped(arguments[0], ())[0] is str:
            return map_shape(self.shape(arguments[1], ()))
        if hint is Decimal:
            return self.decimal(metadata)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return self.enum(hint)
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            return self.record(hint)
        known = self.scalar(hint, metadata)
        if known is None:
            name = getattr(origin or hint, "__name__", str(hint))
            mend = _MENDS.get(name, "write a type that Avro keeps: docs/decisions/0002")
            self.refuse(f"{name} has no exact form in Avro", mend)
        return known

    def scalar(self, hint: Any, metadata: Sequence[Any]) -> Shape | None:
        """Return the shape of a single value, in the form that is asked for."""
        forms = [said.form for said in metadata if isinstance(said, Wire)]
        if not forms or hint is type(None):
            return SCALARS.get(hint) if isinstance(hint, type) else None
        found = OTHER_FORMS.get((forms[-1], datetime if hint is AwareDatetime else hint))
        if found is None:
            name = getattr(hint, "__name__", str(hint))
            self.refuse(f"Wire({forms[-1]!r}) is not for {name}", "leave Wire out")
        return found

    def union(
        self, branches: Sequence[Any], metadata: Sequence[Any], default: tuple[Any, ...]
    ) -> Shape:
        """Return the shape of a union; in Avro the branch of the default comes first."""
        if default:
            branches = sorted(branches, key=lambda hint: not _is_of(default[0], hint, metadata))
        shapes = [self.shape(branch, metadata) for branch in branches]
        try:
            return union_shape(shapes)
        except ContractError as error:
            self.refuse(str(error), "give each type an optional field of its own")

    def literal(self, values: Sequence[Any]) -> Shape:
        """Return the shape of the literals' one type; pydantic checks which are allowed."""
        kinds = {type(value) for value in values}
        if len(kinds) > 1 or not kinds <= {str, int, bool}:
            self.refuse("a Literal of several types", "write an Enum of strings")
        return SCALARS[kinds.pop()]

    def decimal(self, metadata: Sequence[Any]) -> Shape:
        """Return the shape of a decimal, whose digits the model must say."""
        digits = _limit(metadata, "max_digits")
        scale = _limit(metadata, "decimal_places")
        if digits is None or scale is None or not 0 <= scale <= digits or digits < 1:
            self.refuse("a Decimal must say its digits", f"write {_MONEY}")
        if digits > DIGITS_MOST:
            self.refuse(f"a Decimal of more than {DIGITS_MOST:,} digits", f"write {_MONEY}")
        return decimal_shape(digits, scale)

    def enum(self, enum: type[Enum]) -> Shape:
        """Return the shape of an enum; its values are the symbols."""
        if not all(isinstance(each.value, str) and _NAME.fullmatch(each.value) for each in enum):
            mend = "give each member a string of ASCII letters, digits and _"
            self.refuse(f"{enum.__name__} has values that are no Avro symbols", mend)
        known, name = self.name(enum)
        unknown = contract_of(enum).unknown
        if unknown and unknown not in {each.value for each in enum}:
            self.refuse(f"{enum.__name__} has no {unknown!r}", "name one of its values as unknown")
        shape = enum_shape(name, enum, unknown)
        return replace(shape, avro=name if known else {**shape.avro, **self.contract(enum)})

    def name(self, named: type) -> tuple[bool, str]:
        """Return whether a named type is written out already, and its full name."""
        name = full_name(named)
        if not all(map(_NAME.fullmatch, name.split("."))):
            self.refuse(f"{name} is no Avro name", "use ASCII letters, digits and _")
        known = name in self.named
        if self.named.setdefault(name, named) is not named:
            self.refuse(f"two types are named {name} in Avro", "rename one of them")
        return known, name

    def check(self, model: type[BaseModel]) -> None:
        """Refuse a model whose values hold more, or other names, than its fields say."""
        if issubclass(model, RootModel):
            self.refuse(f"{model.__name__} is a RootModel", "write a model with one named field")
        if model.model_config.get("extra") == "allow":
            self.refuse(f"{model.__name__} allows extra fields", 'write extra="forbid"')
        try:
            model.model_rebuild()
        except (NameError, PydanticUserError) as error:
            self.refuse(str(error).splitlines()[0], "import the type where the model is written")
        for name, info in model.model_fields.items():
            if info.alias or info.validation_alias or info.exclude:
                what = f"{model.__name__}.{name} has an alias or is excluded"
                self.refuse(what, "give the field the name it has on the wire")
            if not _NAME.fullmatch(name):
                self.refuse(f"{name} is no Avro name", "use ASCII letters, digits and _")

    def default(self, info: FieldInfo) -> tuple[Any, ...]:
        """Return the field's default in a tuple, an empty one where there is none."""
        if info.is_required():
            return ()
        if info.default_factory_takes_validated_data:
            self.refuse("a default made from other fields", "make it where the event is made")
        value = info.get_default(call_default_factory=True)
        if value != info.get_default(call_default_factory=True):
            mend = "give the value where the event is made: a second run must say the same"
            self.refuse("a default that differs each time", mend)
        return (value,)

    def default_json(self, shape: Shape, value: Any) -> Json:
        """Return a default as it stands in the schema."""
        if not isinstance(value, shape.python):
            self.refuse(f"the default is a {type(value).__name__}", "give a value of the type")
        try:
            return default_json(shape.to_wire(value) if shape.to_wire else value)
        except ContractError as error:
            self.refuse(f"the default: {error}", "give a default that the field accepts")

    def refuse(self, what: str, mend: str) -> NoReturn:
        """Raise a DefinitionError that names the model, the field and the file."""
        try:
            file, line = getsourcefile(self.root) or "", getsourcelines(self.root)[1]
        except (OSError, TypeError):  # made at run time: there is no file
            file, line = "", 0
        message = f"{'.'.join([self.root.__name__, *self.path])}: {what}"
        raise DefinitionError(message, file=file, line=line, mend=mend)


def _unwrapped(hint: Any, metadata: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """Return the type under Annotated, NewType and `type` aliases, and all that is said of it."""
    while True:
        if get_origin(hint) is Annotated:
            hint, *said = get_args(hint)
            metadata = [*metadata, *said]
        elif hasattr(hint, "__supertype__"):
            hint = hint.__supertype__
        elif hasattr(hint, "__value__"):  # typing's TypeAliasType, or the backport
            hint = hint.__value__
        else:
            return hint, metadata


def _limit(metadata: Sequence[Any], name: str) -> int | None:
    """Return a limit that `Field(…)` set, in whichever form pydantic keeps it."""
    for said in metadata:
        nested = _limit(said.metadata, name) if isinstance(said, FieldInfo) else None
        found = nested if nested is not None else getattr(said, name, None)
        if found is not None:
            return int(found)
    return None


def _is_homogeneous(origin: Any, arguments: Sequence[Any]) -> bool:
    return len(arguments) == 1 if origin is not tuple else arguments[1:] == (...,)


def _is_of(value: Any, hint: Any, metadata: Sequence[Any]) -> bool:
    hint = _unwrapped(hint, metadata)[0]
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    return type(value) is (get_origin(hint) or hint)
