"""The request to make a table anew from the log: a record on the log that belongs to no saga.

Its key is empty, which no saga's is, so that every version folds it alike: it changes nothing. Who
owns the partition reads it and does what it says; who asked, why and for what stays on the log.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from minuet.event.record import BY, REASON, TYPE, Headers, base_headers

REBUILD = "RebuildTable"
SAGAS = "ce_sagas"  # their ids, as a JSON list; not there when all are meant
SAGAS_MOST = 500  # in one request: headers are for short things

_SOURCE = b"minuet/rebuild"


@dataclass(frozen=True, slots=True)
class Rebuild:
    """What was asked for.

    Args:
        sagas: those to be made anew; None for all of the partition.
    """

    by: str
    why: str
    sagas: frozenset[str] | None = None


def headers_of(rebuild: Rebuild, now_ms: int) -> Headers:
    """Return the headers of the request; it has no value."""
    headers = base_headers(str(uuid4()), REBUILD, _SOURCE, now_ms)
    headers += [(BY, rebuild.by.encode()), (REASON, rebuild.why.encode())]
    if rebuild.sagas is not None:
        headers.append((SAGAS, json.dumps(sorted(rebuild.sagas)).encode()))
    return headers


def read(key: bytes | None, headers: Sequence[tuple[str, bytes | None]] | None) -> Rebuild | None:
    """Return what a record asks for, or None when it is no such request."""
    if key or not headers:
        return None
    given = {name: raw for name, raw in headers if raw is not None}
    if given.get(TYPE) != REBUILD.encode():
        return None
    try:
        sagas = json.loads(given[SAGAS]) if SAGAS in given else None
        named = None if sagas is None else frozenset(str(saga) for saga in sagas)
        return Rebuild(given.get(BY, b"").decode(), given.get(REASON, b"").decode(), named)
    except (ValueError, TypeError):
        return None
