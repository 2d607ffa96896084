"""Pydantic models for an Avro schema that somebody else wrote.

The written source is run and exported again before it is given out: what is not the same schema
then is refused, whatever the reason. Comments become comments; `order`, and properties that only
other tools know, are left out and named at the top of the file.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NoReturn

from fastavro import parse_schema

from minuet.contracts.safety import definitions, safe_schema
from minuet.contracts.scalars import Json
from minuet.contracts.shape import shape_of
from minuet.errors import ContractError, DefinitionError
from minuet.evolution.defaults import fits
from minuet.evolution.source import (
    TAKEN,
    default,
    hint,
    members,
    quoted,
    refuse_class_name,
    refuse_field_name,
    short,
)

_KEPT = {
    "type", "name", "namespace", "fields", "items", "values", "symbols", "default", "aliases",
    "logicalType", "precision", "scale", "size", "pii", "compatibility", "doc",
}  # fmt: skip
_CONFIG = '    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")\n'
_WIDTH = 100
_IN_ORDER = "# ruff: noqa: RUF036  (the order of a union is part of the schema)"
_NAMES = {  # what the source may use -> the module it comes from
    "datetime": ("UTC", "date", "datetime", "time"),
    "decimal": ("Decimal",),
    "enum": ("Enum",),
    "typing": ("Annotated",),
    "uuid": ("UUID",),
    "pydantic": ("BaseModel", "ConfigDict", "Field"),
    "minuet": ("Event", "Formerly", "Pii", "Wire", "contract"),
}


def write_models(text: str, file: str) -> str:
    """Return the source of a module with the models of a schema.

    Args:
        text: the schema.
        file: where it comes from, for the errors.

    Raises:
        ContractError: it is no Avro schema of a record, dangerous to decode, or no model keeps it
            exactly; says which field and why.
    """
    try:
        avro = safe_schema(text)
    except Exception as error:  # fastavro raises what it may
        message = f"{file}: no usable Avro schema: {error}"
        raise ContractError(message) from None
    if not isinstance(avro, dict) or avro.get("type") != "record":
        message = f"{file}: an event is a record, and this is not"
        raise ContractError(message)
    writer = _Writer(avro, file)
    source = writer.module()
    _refuse_difference(avro, _exported(source, short(avro), file), file)
    return source


class _Writer:
    """Writes the classes of one schema, those first that others use."""

    def __init__(self, avro: Json, file: str) -> None:
        self.root, self.file = avro, file
        self.named = definitions(avro)
        self.classes: list[str] = []
        self.shorts = [short(each) for each in self.named.values()]
        for name in sorted(self.shorts):
            if self.shorts.count(name) > 1:
                self.refuse(name, "two types have this name, in two namespaces")

    def module(self) -> str:
        """Return the whole source."""
        self.types(self.root)
        body = "\n\n".join(self.classes)
        left = sorted({key for each in _parts(self.root) for key in each} - _KEPT)
        left_out = f"\nLeft out: {', '.join(map(_text, left))}.\n" if left else ""
        title = f'"""{_text(self.root.get("doc")) or f"What {short(self.root)} says."}'
        end = f"\n{left_out}" if left_out else ""
        mark = f"{_IN_ORDER}\n" if re.search(r"None \|", body) else ""
        head = f'{mark}{title}{end}"""\n\nfrom __future__ import annotations\n\n'
        return f"{head}{_imports(body)}\n\n{body}"

    def types(self, avro: Json) -> None:
        """Write what is inside a type first, and then the type itself if it has a name."""
        if isinstance(avro, list):
            for branch in avro:
                self.types(branch)
        if not isinstance(avro, dict):
            return
        for part in (field["type"] for field in avro.get("fields", ())):
            self.types(part)
        for part in ("items", "values"):
            self.types(avro.get(part))
        if "fields" in avro:
            self.classes.append(self.record(avro))
        elif "symbols" in avro:
            self.classes.append(self.enum(avro))

    def record(self, avro: Json) -> str:
        """Return the class of a record."""
        lines = [self.head(avro, "Event" if avro is self.root else "BaseModel")]
        if avro is not self.root:
            lines += ["\n", _CONFIG]
        if avro["fields"]:
            lines.append("\n")
        for field in avro["fields"]:
            lines.append(self.field(field, f"{short(avro)}.{field['name']}"))
        return "".join(lines)

    def field(self, field: Json, path: str) -> str:
        """Return the line of a field, with its comment."""
        try:
            line = self.hinted(field)
        except ContractError as error:
            self.refuse(path, str(error))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            self.refuse(path, "its default is not of its type")
        doc = _text(field.get("doc"))
        return (f"    # {doc}\n" if doc else "") + f"    {line}\n"

    def hinted(self, field: Json) -> str:
        """Return a field's name, its type, what is said of it, and its default."""
        name = field["name"]
        refuse_field_name(name)
        said = [f"Formerly({', '.join(map(quoted, former))})"] if (former := _former(field)) else []
        said += ["Pii()"] if field.get("pii") else []
        ends = ""
        if "default" in field:
            if not fits(field["default"], field["type"], self.named):
                raise ValueError
            value = default(field["default"], field["type"], self.named)
            if name in TAKEN or name in self.shorts:  # as a value, it would hide that type
                said.append(value if value.startswith("Field(") else f"Field(default={value})")
            else:
                ends = f" = {value}"
        is_null = field.get("default", ...) is None
        kind = hint(field["type"], self.named, default_null=is_null)
        kind = f"Annotated[{', '.join([kind, *said])}]" if said else kind
        return f"{name}: {kind}{ends}"

    def enum(self, avro: Json) -> str:
        """Return the class of an enum."""
        try:
            symbols = members(avro)
        except ContractError as error:
            self.refuse(short(avro), str(error))
        lines = (f"    {name} = {quoted(symbol)}\n" for symbol, name in symbols.items())
        return self.head(avro, "Enum") + "\n" + "".join(lines)

    def head(self, avro: Json, base: str) -> str:
        """Return what stands before a class's fields."""
        try:
            refuse_class_name(short(avro))
        except ContractError as error:
            self.refuse(short(avro), str(error))
        said = [f"namespace={quoted(avro['name'].rpartition('.')[0])}"]
        if former := _former(avro):
            said.append(f"formerly=({', '.join(map(quoted, former))},)")
        if avro.get("compatibility") and avro is self.root:
            said.append(f"compatibility={quoted(avro['compatibility'])}")
        if "symbols" in avro and "default" in avro:
            said.append(f"unknown={quoted(avro['default'])}")
        doc = _text(avro.get("doc")) or f"{short(avro)}, as its schema has it."
        return f'@contract({", ".join(said)})\nclass {short(avro)}({base}):\n    """{doc}"""\n'

    def refuse(self, path: str, why: str) -> NoReturn:
        """Raise what is wrong with a field or a type."""
        message = f"{self.file}: {path}: {why}"
        raise ContractError(message)


def _imports(body: str) -> str:
    used = set(re.findall(r"\w+", re.sub(r'"""[^\n]*"""|#[^\n]*', "", body)))
    lines: dict[str, str] = {}
    for module, names in _NAMES.items():
        if found := [name for name in names if name in used]:
            lines[module] = f"from {module} import {', '.join(found)}\n"
    standard = [lines.pop(name) for name in sorted(lines) if name not in ("minuet", "pydantic")]
    groups = ("".join(standard), lines.get("pydantic", ""), lines.get("minuet", ""))
    return "\n".join(group for group in groups if group)


def _exported(source: str, name: str, file: str) -> Json:
    """Run the source and return the schema of its event."""
    module = ModuleType("minuet_imported_models")
    sys.modules[module.__name__] = module  # where pydantic looks up the names in hints
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(compile(source, file, "exec"), module.__dict__)  # names and literals only
            return parse_schema(shape_of(getattr(module, name)).avro)
    except DefinitionError as error:
        message = f"{file}: {error.message}"
        raise ContractError(message) from None
    except Exception as error:  # pydantic refuses in many ways
        message = f"{file}: the models cannot be made: {type(error).__name__}: {error}"
        raise ContractError(message) from None
    finally:
        del sys.modules[module.__name__]


def _refuse_difference(wanted: Json, found: Json, file: str) -> None:
    path = next(_differences(_plain(wanted), _plain(found), ""), None)
    if path is not None:
        message = (
            f"{file}: {path or 'the event'}: the exported model would have another schema here"
        )
        raise ContractError(message)


def _differences(wanted: Json, found: Json, path: str) -> Iterator[str]:
    if {type(wanted), type(found)} == {int, float} and wanted == found:
        return  # a default 0 of a double, which is exported as 0.0
    if type(wanted) is not type(found):
        yield path
    elif isinstance(wanted, dict):
        for key in sorted(wanted.keys() | found.keys()):
            if key not in wanted or key not in found:
                yield f"{path}.{key}".lstrip(".")
            else:
                inner = f"{path}.{key}" if key not in ("fields", "type") else path
                yield from _differences(wanted[key], found[key], inner.lstrip("."))
    elif isinstance(wanted, list):
        if len(wanted) != len(found):
            yield path
        for one, other in zip(wanted, found, strict=False):
            name = one.get("name", "") if isinstance(one, dict) else ""
            yield from _differences(one, other, f"{path}.{name}".strip("."))
    elif wanted != found:
        yield path


def _plain(avro: Json) -> Json:
    """Return what two schemas must have in common to be equivalent."""
    if isinstance(avro, list):
        return [_plain(each) for each in avro]
    if not isinstance(avro, dict):
        return avro
    kept = {key: avro[key] for key in avro if key in _KEPT - {"doc"} and avro[key] != []}
    for key in ("type", "items", "values", "fields"):
        if key in kept:
            kept[key] = _plain(kept[key])
    if kept.get("logicalType") == "decimal":
        kept.setdefault("scale", 0)
    if "pii" in kept and not kept["pii"]:
        del kept["pii"]
    return kept["type"] if kept.keys() == {"type"} else kept


def _parts(avro: Json) -> Iterator[dict[str, Any]]:
    """Yield every object of a schema, fields too."""
    if isinstance(avro, list):
        for each in avro:
            yield from _parts(each)
    elif isinstance(avro, dict):
        yield {key: each for key, each in avro.items() if key[:2] != "__"}
        for key in ("type", "items", "values", "fields"):
            yield from _parts(avro.get(key))


def _former(said: Json) -> list[str]:
    return list(said.get("aliases") or ())


def _text(doc: Any) -> str:
    """Return a comment on one line, without what would end it in Python."""
    words = " ".join(doc.split()) if isinstance(doc, str) else ""
    return words.replace("\\", "/").replace('"', "'")[: _WIDTH - 20].strip()
