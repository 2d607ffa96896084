"""What events hold, as the models of one version read them: equal content, equal digest.

An event of the newest schema has its digest in a header. One of an older schema is read, upcast,
and digested as it would be written now, so that a schema that grew makes no input another one.
"""

from __future__ import annotations

from functools import lru_cache

from minuet.contracts.codec import Codec
from minuet.core.state import Entry
from minuet.errors import ContractError
from minuet.event.model import Event
from minuet.event.record import SCHEMA, Record

_KEPT_MOST = 5_000


class Contents:
    """Digests of what events hold.

    Args:
        codec: of the version's events; its registry knows the schemas of what is read.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._read = lru_cache(_KEPT_MOST)(self._digest)

    def __call__(self, thing: Record | Entry) -> str:
        """Of a record, or of an event in a state; of one that cannot be read its own digest."""
        schema = thing.schema if isinstance(thing, Entry) else thing.headers.get(SCHEMA, b"")
        if thing.value is None or (thing.digest and schema == self._codec.newest(thing.type)):
            return thing.digest
        return self._read(thing.type, schema, thing.value) or thing.digest

    def of(self, event: Event) -> str:
        """Of an event that is at hand."""
        return self._codec.encode(event).digest.decode()

    def _digest(self, event_type: str, schema: bytes, value: bytes) -> str:
        try:
            return self.of(self._codec.decode(event_type, schema, value))
        except ContractError:
            return ""


def as_written(thing: Record | Entry) -> str:
    """The digest in its header: of bytes that were all written in one schema."""
    return thing.digest
