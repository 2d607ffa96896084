"""Schemas as registries write them: put into our own form, and what they refer to written out.

Registries write a schema anew in their own way, with names split and keys in another order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from minuet.contracts.safety import safe_schema
from minuet.contracts.schema import Schema, schema_of
from minuet.errors import ContractError, DefinitionError

_REFERENCES_MOST = 200
_DEEP_MOST = 16


@dataclass(frozen=True)
class Registered:
    """A schema as it stands in a registry.

    Args:
        id: for the wire.
        version: of its subject; 0 where that was not asked.
        text: as the registry writes it.
        references: names that the text uses and others define, with their subject and version.
        kind: AVRO, JSON or PROTOBUF.
    """

    id: int
    version: int
    text: str
    references: tuple[tuple[str, str, int], ...] = ()
    kind: str = "AVRO"


Look = Callable[[str, int], Registered | None]


def canonical(text: str) -> Schema:
    """A registry's text of a record's schema in the form that fingerprints are of; vetted first.

    Raises:
        ContractError: it is none, or dangerous to decode.
    """
    try:
        return schema_of(_plain(safe_schema(text)))
    except ContractError:
        raise
    except DefinitionError as error:
        raise ContractError(error.message) from None
    except Exception as error:  # fastavro raises what it may
        message = f"no usable schema of a record: {error}"
        raise ContractError(message) from None


def whole(found: Registered, look: Look) -> str:
    """The text of a schema with what it refers to written out, where it is first used.

    Args:
        found: the schema.
        look: finds a version of a subject.

    Raises:
        ContractError: it is no Avro, or refers to what is not there, or to too much.
    """
    if found.kind != "AVRO":
        message = f"it is {found.kind}, and no Avro"
        raise ContractError(message)
    if not found.references:
        return found.text
    defined: dict[str, Any] = {}
    try:
        _collect(found, look, defined, 0)
        text = json.dumps(_inlined(json.loads(found.text), defined, set()))
    except (ValueError, KeyError, TypeError, RecursionError):
        message = "what it refers to is no Avro"
        raise ContractError(message) from None
    return text


def _collect(found: Registered, look: Look, defined: dict[str, Any], deep: int) -> None:
    for name, subject, version in found.references:
        if name in defined:
            continue
        if deep > _DEEP_MOST or len(defined) > _REFERENCES_MOST:
            message = "the schema refers to too many others"
            raise ContractError(message)
        other = look(subject, version)
        if other is None:
            message = f"the schema refers to {subject} version {version}, which is not there"
            raise ContractError(message)
        defined[name] = json.loads(other.text)
        _collect(other, look, defined, deep + 1)


def _inlined(avro: Any, defined: Mapping[str, Any], used: set[str]) -> Any:
    if isinstance(avro, str):
        if avro not in defined or avro in used:
            return avro
        used.add(avro)
        return _inlined(defined[avro], defined, used)
    if isinstance(avro, list):
        return [_inlined(each, defined, used) for each in avro]
    if not isinstance(avro, dict):
        return avro
    parts = {key: _inlined(avro[key], defined, used) for key in ("items", "values") if key in avro}
    if isinstance(avro.get("type"), dict | list):
        parts["type"] = _inlined(avro["type"], defined, used)
    if "fields" in avro:
        parts["fields"] = [
            {**field, "type": _inlined(field["type"], defined, used)} for field in avro["fields"]
        ]
    return {**avro, **parts}


def _plain(avro: Any) -> Any:
    """A parsed schema without what fastavro adds, and without docs."""
    if isinstance(avro, list):
        return [_plain(each) for each in avro]
    if not isinstance(avro, dict):
        return avro
    kept = {key: each for key, each in avro.items() if key != "doc" and key[:2] != "__"}
    for key in ("items", "values", "type"):
        if key in kept:
            kept[key] = _plain(kept[key])
    if "fields" in kept:
        kept["fields"] = [_plain(field) for field in kept["fields"]]
    return kept
