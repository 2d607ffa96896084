"""Can a reader's schema read all that a writer's schema wrote? By the specification, and by us.

Apache's own checker judges each pair of types, without what is in them; this walks down to the
pairs, so that what is refused has a path, and adds what that checker does not look at: logical
types, defaults, former names without a namespace, and which branch of a union is taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker
from avro.compatibility import SchemaIncompatibilityType as Found

from minuet.contracts.safety import bare, definitions
from minuet.contracts.scalars import Json
from minuet.evolution.defaults import fits


class Rule(Enum):
    """What a reader could not read, and why; the last three go beyond the specification."""

    TYPE = "the types do not resolve"
    NAME = "a type's name differs, and is no former name of the reader's"
    SIZE = "a fixed has another size"
    SYMBOL = "the enum lacks a symbol, and says no default"
    BRANCH = "the union lacks the type"
    MISSING = "a field is not written, and has no default"
    DEFAULT = "the default is not of the field's type"
    DECIMAL = "a decimal has another precision or scale"
    MEANING = "the same bytes would mean another value"
    PRECISION = "a whole number becomes a float, which cannot keep all of them"
    TEXT = "text and bytes are not read as each other here"

    @property
    def of_specification(self) -> bool:
        """Whether the Avro specification says so too."""
        return self not in (Rule.MEANING, Rule.PRECISION, Rule.TEXT)


_RULES = {
    Found.type_mismatch: Rule.TYPE,
    Found.name_mismatch: Rule.NAME,
    Found.fixed_size_mismatch: Rule.SIZE,
    Found.missing_enum_symbols: Rule.SYMBOL,
}
_LOSSY = {("int", "float"), ("long", "float"), ("long", "double")}
_TEXT = {("string", "bytes"), ("bytes", "string")}


@dataclass(frozen=True)
class Broken:
    """One place where a reader could not read what was written.

    Args:
        path: the field, as `lines[].price`; empty for the event itself.
        rule: that is broken.
        detail: what was written, and what is read.
    """

    path: str
    rule: Rule
    detail: str

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        return f"{place}{self.rule.value} ({self.detail})"


def broken(reader: Json, writer: Json) -> list[Broken]:
    """Return what `reader` could not read of what `writer` wrote; names must be in full."""
    return list(_Comparison(reader, writer).types(reader, writer, ""))


class _Comparison:
    """Two schemas, walked side by side."""

    def __init__(self, reader: Json, writer: Json) -> None:
        self.read = definitions(reader)
        self.written = definitions(writer)

    def types(self, reader: Json, writer: Json, path: str) -> Iterator[Broken]:
        """Yield what is broken between two types."""
        reader = self.read.get(reader, reader) if isinstance(reader, str) else reader
        writer = self.written.get(writer, writer) if isinstance(writer, str) else writer
        if isinstance(writer, list):
            for branch in writer:
                yield from self.types(reader, branch, f"{path}<{_name(branch)}>")
        elif isinstance(reader, list):
            yield from self.union(reader, writer, path)
        else:
            yield from self.pair(reader, writer, path)

    def union(self, reader: list[Json], writer: Json, path: str) -> Iterator[Broken]:
        """Yield what is broken with the branch that is taken: of the same kind, or the first."""
        branches = [self.read.get(b, b) if isinstance(b, str) else b for b in reader]
        match = [branch for branch in branches if not list(_judged(branch, writer, path))]
        same = [branch for branch in match if _kind(branch) == _kind(writer)]
        if not match:
            # A symbol or a size may be all that is wrong; that says more than a missing branch.
            near = [b for b in branches if isinstance(b, dict) and _is_named(b, writer)]
            for branch in near[:1]:
                yield from self.pair(branch, writer, path)
            if not near:
                had = ", ".join(map(_name, branches))
                yield Broken(path, Rule.BRANCH, f"written {_name(writer)}, read {had}")
        for branch in (same or match)[:1]:
            yield from self.pair(branch, writer, path)

    def pair(self, reader: Json, writer: Json, path: str) -> Iterator[Broken]:
        """Yield what is broken between two types that are no unions."""
        judged = list(_judged(reader, writer, path))
        yield from judged
        if judged:
            return
        yield from _beyond(reader, writer, path)
        match _kind(reader):
            case "record":
                yield from self.record(reader, writer, path)
            case "array":
                yield from self.types(reader["items"], writer["items"], f"{path}[]")
            case "map":
                yield from self.types(reader["values"], writer["values"], f"{path}{{}}")

    def record(self, reader: Json, writer: Json, path: str) -> Iterator[Broken]:
        """Yield what is broken in the reader's fields; those only the writer has are dropped."""
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            place = f"{path}.{field['name']}" if path else field["name"]
            names = [field["name"], *field.get("aliases", ())]
            found = next((written[name] for name in names if name in written), None)
            if found is not None:
                yield from self.types(field["type"], found["type"], place)
            elif "default" not in field:
                yield Broken(place, Rule.MISSING, f"read {_name(field['type'])}")
            elif not fits(field["default"], field["type"], self.read):
                detail = f"{json.dumps(field['default'])} for {_name(field['type'])}"
                yield Broken(place, Rule.DEFAULT, detail)


def _judged(reader: Json, writer: Json, path: str) -> Iterator[Broken]:
    """Yield what Apache's checker says of two types, without what is in them."""
    own, theirs = _alone(reader), _alone(writer)
    if _is_named(reader, writer):  # the checker does not put an alias into the reader's namespace
        theirs["name"] = own["name"]
    ours = avro.schema.parse(json.dumps(own))
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(ours, avro.schema.parse(json.dumps(theirs)))
    for found in result.incompatibilities:
        rule = _RULES.get(found, Rule.TYPE)
        detail = f"written {_name(writer)}, read {_name(reader)}"
        if rule is Rule.SYMBOL:
            lacking = [each for each in writer["symbols"] if each not in reader["symbols"]]
            detail = f"{_name(reader)} lacks {', '.join(lacking)}"
        if rule is Rule.SIZE:
            detail = f"written {writer['size']} bytes, read {reader['size']}"
        yield Broken(path, rule, detail)


def _beyond(reader: Json, writer: Json, path: str) -> Iterator[Broken]:
    """Yield what Apache's checker does not see, of types that resolve by it."""
    ours, theirs = _logical(reader), _logical(writer)
    detail = f"written {theirs or _name(writer)}, read {ours or _name(reader)}"
    kinds = (_kind(writer), _kind(reader))
    if ours.startswith("decimal") and theirs.startswith("decimal"):
        if ours != theirs:
            yield Broken(path, Rule.DECIMAL, detail)
    elif ours != theirs and (ours or kinds != ("string", "string")):
        # Text with a meaning may be read as text; not every text has the meaning.
        yield Broken(path, Rule.MEANING, detail)
    if kinds in _LOSSY:
        yield Broken(path, Rule.PRECISION, detail)
    if kinds in _TEXT:
        yield Broken(path, Rule.TEXT, detail)


def _alone(schema: Json) -> dict[str, Any]:
    """Return a type with nothing in it, and without its logical type."""
    if isinstance(schema, str):
        return {"type": schema}
    alone: dict[str, Any] = {k: v for k, v in bare(schema).items() if k not in ("aliases", "pii")}
    empty = {"fields": [], "items": "null", "values": "null"}
    return {**alone, **{part: empty[part] for part in empty if part in alone}}


def _is_named(reader: Json, writer: Json) -> bool:
    """Return whether two named types of a kind have one name by their last part, or had it."""
    if not isinstance(reader, dict) or not isinstance(writer, dict):
        return False
    if "name" not in reader or "name" not in writer or _kind(reader) != _kind(writer):
        return False
    space, dot, name = reader["name"].rpartition(".")
    if writer["name"].rpartition(".")[2] == name:
        return True
    former = reader.get("aliases", ())
    return writer["name"] in {each if "." in each else f"{space}{dot}{each}" for each in former}


def _kind(schema: Json) -> str:
    kind = schema if isinstance(schema, str) else schema["type"]
    return "record" if kind == "error" else str(kind)


def _name(schema: Json) -> str:
    if isinstance(schema, list):
        return " | ".join(map(_name, schema))
    return schema if isinstance(schema, str) else str(schema.get("name") or _kind(schema))


def _logical(schema: Json) -> str:
    """Return the logical type with its limits, or nothing."""
    if not isinstance(schema, dict) or "logicalType" not in schema:
        return ""
    if schema["logicalType"] != "decimal":
        return str(schema["logicalType"])
    return f"decimal({schema['precision']}, {schema.get('scale', 0)})"
