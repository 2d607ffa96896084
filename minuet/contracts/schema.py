"""An event's schema: its Avro name, its text, and the fingerprint by which records name it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256

from minuet.contracts.safety import refuse_dangerous
from minuet.contracts.scalars import Json
from minuet.contracts.shape import shape_of
from minuet.errors import ContractError, DefinitionError
from minuet.event.model import Event

_FINGERPRINT_DIGITS = 16


@dataclass(frozen=True)
class Schema:
    """An Avro schema.

    Args:
        name: the full Avro name, as `orders.OrderPlaced`.
        text: canonical JSON: sorted keys, no white space, no docs; logical types and defaults kept.
        fingerprint: the first 16 hex digits of the SHA-256 of the text.
    """

    name: str
    text: str
    fingerprint: str


def avro_schema(model: type[Event]) -> Schema:
    """Return the schema of an event's model.

    Raises:
        DefinitionError: a field cannot be kept exactly; says which, and what to write instead.
    """
    return schema_of(shape_of(model).avro)


def schema_of(avro: Json) -> Schema:
    """Return a record's schema, given as JSON, with its canonical text and fingerprint.

    Raises:
        DefinitionError: it is dangerous to decode.
    """
    try:
        refuse_dangerous(avro)
    except ContractError as error:
        raise DefinitionError(
            str(error), mend="write it smaller, as docs/guide/schemas.md says"
        ) from None
    text = json.dumps(avro, sort_keys=True, separators=(",", ":"))
    return Schema(avro["name"], text, fingerprint_of(text))


def read_schema(text: str) -> Schema:
    """Return the schema of a stored text.

    Raises:
        ContractError: it is not the JSON of a record's schema.
    """
    try:
        name = json.loads(text)["name"]
    except (ValueError, KeyError, TypeError, RecursionError):
        message = "a stored schema is not the JSON of an Avro record"
        raise ContractError(message) from None
    return Schema(str(name), text, fingerprint_of(text))


def fingerprint_of(text: str) -> str:
    """Return the fingerprint of a schema's text."""
    return sha256(text.encode()).hexdigest()[:_FINGERPRINT_DIGITS]
