"""Where schemas are kept, so that a record can be read by who did not write it."""

from __future__ import annotations

from typing import Protocol

from minuet.contracts.schema import Schema


class Registry(Protocol):
    """A store of schemas by fingerprint; ids are for other tools, and differ between registries."""

    def register(self, schema: Schema) -> int:
        """Keep `schema`, if it is not there, and return its id for the wire prefix."""
        ...

    def find(self, fingerprint: str, number: int = 0) -> Schema | None:
        """Return the schema of `fingerprint`, or None when nobody registered it.

        Args:
            fingerprint: from the record's header.
            number: the id in front of its value, in whatever registry; 0 where it is not known.

        Raises:
            ContractError: what is registered may not be used; says why.
            BrokerError: it cannot be known now.
        """
        ...


class LocalRegistry:
    """Schemas in memory: for tests, dry runs and one process alone."""

    def __init__(self) -> None:
        self._schemas: dict[str, Schema] = {}

    def register(self, schema: Schema) -> int:
        """Keep `schema` and return its id, a function of its fingerprint."""
        self._schemas[schema.fingerprint] = schema
        return schema_id(schema.fingerprint)

    def find(self, fingerprint: str, number: int = 0) -> Schema | None:
        """Return the schema of `fingerprint`, or None."""
        return self._schemas.get(fingerprint)


def schema_id(fingerprint: str) -> int:
    """Return the first 31 bits of a fingerprint: an id that needs nobody to give it out."""
    return int(fingerprint[:8], 16) >> 1
