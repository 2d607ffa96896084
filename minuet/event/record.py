"""An event as a record: CloudEvents 1.0 in Kafka's binary mode, and what the fold reads of it.

Folding and routing read key, headers, offset and time, never the value. Header names are
CloudEvents attributes with the prefix `ce_`; ours are extension attributes, lower case as the
specification asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

ID = "ce_id"
TYPE = "ce_type"
SOURCE = "ce_source"
TIME = "ce_time"
SPEC_VERSION = "ce_specversion"
SCHEMA = "ce_dataschema"  # the fingerprint of the writer's schema: urn:minuet:avro:<16 hex digits>
DIGEST = "ce_digest"  # of the Avro body without its schema-id prefix
SLOT = "ce_slot"
STEP = "ce_step"
CAUSES = "ce_causes"  # ids, joined by commas
ATTEMPT = "ce_attempt"
NOT_BEFORE = "ce_notbefore"  # ms since 1970
UNDOES = "ce_undoes"  # the id of the undone event, or the slot where that is in doubt
ROUND = "ce_round"  # the id of the last redo
LATE = "ce_late"  # said after the saga's failure had been read
REJECTS = "ce_rejects"  # the offset of a record that cannot be read
REASON = "ce_reason"
BY = "ce_by"  # the person who decided
OPERATION = "ce_operation"  # of many deeds at once: its id, which the topic of operations tells of
LETTER = "ce_letter"  # the dead letter that the deed is about
WORKFLOW_VERSION = "ce_workflowversion"
IMPORTED = "ce_imported"  # topic/partition/offset of the record elsewhere that it was made of
MIGRATES = "ce_migrates"  # the version that the saga had
TRACEPARENT = "traceparent"

SCHEMA_PREFIX = b"urn:minuet:avro:"

Headers = list[tuple[str, bytes]]

_TEXTS = frozenset(
    (ID, TYPE, SCHEMA, DIGEST, SLOT, STEP, CAUSES, UNDOES, ROUND, REASON, BY, WORKFLOW_VERSION,
     MIGRATES, TRACEPARENT)
)  # fmt: skip
_NUMBERS_MOST = {ATTEMPT: 1 << 31, NOT_BEFORE: 1 << 62, REJECTS: 1 << 62}


class UnreadableHeaders(ValueError):
    """A record without key or readable headers: it can change no saga."""


@dataclass(slots=True, init=False)  # mypyc compiles a constructor that is written, no other
class Record:
    """An event on the log.

    Args:
        key: the saga's id.
        offset: in the partition of the log.
        time: LogAppendTime, ms since 1970.
        value: Avro in the Confluent wire format; opaque here.
        headers: all headers, by name.
    """

    key: str
    offset: int
    time: int
    id: str
    type: str
    slot: str
    value: bytes
    headers: Mapping[str, bytes] = field(repr=False)
    digest: str = field(init=False)

    def __init__(  # noqa: PLR0913  (a record has so many parts)
        self, key: str, offset: int, time: int, id: str, type: str, slot: str, value: bytes,
        headers: Mapping[str, bytes],
    ) -> None:  # fmt: skip
        self.key, self.offset, self.time = key, offset, time
        self.id, self.type, self.slot = id, type, slot
        self.value, self.headers = value, headers
        self.digest = self.text(DIGEST)

    def text(self, name: str) -> str:
        """Return a header as text, empty when it is not there."""
        raw = self.headers.get(name)
        return raw.decode() if raw is not None else ""

    def number(self, name: str) -> int:
        """Return a header as a whole number, 0 when it is not there."""
        raw = self.headers.get(name)
        return int(raw) if raw is not None else 0

    @property
    def causes(self) -> Sequence[str]:
        """The ids of the events that led to this one."""
        raw = self.headers.get(CAUSES)
        return raw.decode().split(",") if raw else ()


def parse(
    key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]] | None,
    offset: int, time: int,
) -> Record:  # fmt: skip
    """Read a record's key and headers.

    Raises:
        UnreadableHeaders: no key, no id or type, or they are not UTF-8. A value that is not there
            is one that cannot be read, as an empty one: an affair of its saga.
    """
    if not key or not headers:
        missing = "headers" if key else "key"
        message = f"the record at offset {offset} has no {missing}"
        raise UnreadableHeaders(message)
    given = dict(headers)
    if None in given.values():  # Kafka allows a header without a value
        given = {name: raw for name, raw in given.items() if raw is not None}
    fields = _checked(given, offset)
    try:
        slot = fields.get(SLOT)
        return Record(
            key.decode(), offset, time, fields[ID].decode(), fields[TYPE].decode(),
            slot.decode() if slot is not None else "", value or b"", fields,
        )  # fmt: skip
    except KeyError as missing_header:
        message = f"the record at offset {offset} has no header {missing_header}"
        raise UnreadableHeaders(message) from None
    except UnicodeDecodeError as bad:
        message = f"the record at offset {offset} has a header or key that is not UTF-8: {bad}"
        raise UnreadableHeaders(message) from None


def _checked(fields: dict[str, Any], offset: int) -> dict[str, bytes]:
    """Refuse what the fold could not read: it must never fail in the midst of a saga."""
    try:
        if not b"".join(fields.values()).isascii():
            for name, raw in fields.items():
                if name in _TEXTS:
                    raw.decode()
        for name, most in _NUMBERS_MOST.items():
            number = fields.get(name)
            if number is not None and not -1 < int(number) < most:
                raise ValueError(number)
    except ValueError as bad:
        message = f"the record at offset {offset} has a header that cannot be read: {bad}"
        raise UnreadableHeaders(message) from None
    return fields


@lru_cache(maxsize=16)  # records are made many in a millisecond
def timestamp(ms: int) -> bytes:
    """Return `ms` since 1970 as CloudEvents' `time` (RFC 3339, UTC)."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def base_headers(event_id: str, event_type: str, source: bytes, now_ms: int) -> Headers:
    """Return the headers that every record of Minuet has; callers append what else they say."""
    return [
        (SPEC_VERSION, b"1.0"),
        (ID, event_id.encode()),
        (TYPE, event_type.encode()),
        (SOURCE, source),
        (TIME, timestamp(now_ms)),
    ]
