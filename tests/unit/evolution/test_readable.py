"""What the check of compatibility allows, our reader reads; what it refuses, it does not."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import pytest
from fastavro import parse_schema

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.schema import Schema, fingerprint_of
from minuet.errors import ContractError, UnreadableValue
from minuet.evolution.models import write_models
from minuet.evolution.resolving import broken
from tests.unit.evolution.changes import CHANGES, Change
from tests.unit.evolution.examples import body, values

NAMES = [change.what for change in CHANGES]

# Schemas that no model says, so no codec reads with them.
NO_MODEL = {
    ("add a field whose default is of another type", "new"): "its default is not of its type",
    ("add a field whose default is too large", "new"): "its default is not of its type",
    ("add an enum field whose default is no symbol", "new"): "its default is not of its type",
    ("add a record whose default lacks a field", "new"): "its default is not of its type",
    ("add an optional field, default of the second branch", "new"): "a: .* another schema here",
    ("add a wider branch beside the narrow", "new"): "two of its types look alike",
    ("a union of one to its type", "old"): "a union of one type",
    ("a timestamp to a local one", "new"): "local-timestamp-micros in long has no form",
    ("a decimal in bytes to one in a fixed", "new"): "decimal in fixed has no form",
    ("rename a fixed with an alias", "old"): "fixed has no form",
    ("rename a fixed with an alias", "new"): "fixed has no form",
    ("fixed to bytes", "old"): "fixed has no form",
    ("fixed of another size", "old"): "fixed has no form",
    ("fixed of another size", "new"): "fixed has no form",
}


def model_of(avro: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    module = ModuleType("imported_for_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(write_models(json.dumps(avro), "a file"), module.__dict__)
    return getattr(module, avro["name"].rpartition(".")[2])


def unread(reader: Any, writer: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why values of the writer's schema cannot be read as the reader's model."""
    text = json.dumps(writer)
    header = b"urn:minuet:avro:" + fingerprint_of(text).encode()
    registry = LocalRegistry()
    registry.register(Schema(writer["name"], text, fingerprint_of(text)))
    codec = Codec([model_of(reader, monkeypatch)], registry)
    name = reader["name"].rpartition(".")[2]
    found = []
    for value in values(parse_schema(writer)):
        try:
            codec.decode(name, header, b"\x00" * 5 + body(parse_schema(writer), value))
        except UnreadableValue as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize("change", CHANGES, ids=NAMES)
@pytest.mark.parametrize("side", ["new", "old"])
def test_the_check_and_the_reader_agree(
    change: Change, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = (change.new, change.old) if side == "new" else (change.old, change.new)
    if why := NO_MODEL.get((change.what, side)):
        with pytest.raises(ContractError, match=why):
            model_of(reader, monkeypatch)
        return
    found = unread(reader, writer, monkeypatch)
    refused = broken(parse_schema(reader), parse_schema(writer))
    assert bool(refused) == bool(found), (refused, found)
