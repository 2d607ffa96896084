"""Holds what services did, as their ledger says, against what a workflow's log says.

An outcome that has an undo, what undoes it, and the pivot are what has an effect outside; the key
of the effect is the slot of the outcome. An effect of a saga that goes on is not judged: its answer
may be on its way.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from minuet.core.plan import ENDS
from minuet.errors import MinuetError, UsageError
from minuet.event.record import Record, UnreadableHeaders
from minuet.kafka.connection import Connection
from minuet.kafka.reading import record_of, snapshot
from minuet.spec.model import Spec

_ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Effect:
    """A row of a ledger; `undoes` is the reference of the effect that it takes back, or empty."""

    key: str
    effect: str
    saga: str
    reference: str
    undoes: str = ""
    calls: int = 1


@dataclass
class Effects:
    """What was found.

    Attributes:
        effects: in the ledger; `called_again`: of these, asked for more than once.
        open: effects of sagas that have not ended.
        differences: each in words.
    """

    workflow: str
    effects: int = 0
    called_again: int = 0
    open: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every effect happened once, and what failed is undone."""
        return not self.differences

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {"ok": self.ok, **asdict(self)}


class Said:
    """What a log says of effects; takes its records in their order."""

    def __init__(self, spec: Spec) -> None:
        done = {undo.outcome for undo in spec.undo} | {spec.pivot} - {""}
        self._types = done | {undo.undone for undo in spec.undo}
        self.sagas: dict[str, str] = {}  # id -> how it ended, or empty
        self.answers: dict[str, tuple[str, str]] = {}  # slot -> saga, type

    def take(self, record: Record) -> None:
        """Take in a record."""
        if record.type in ENDS:
            self.sagas[record.key] = record.type
        elif record.type == "SagaRedone":
            self.sagas[record.key] = ""
        else:
            self.sagas.setdefault(record.key, "")
            if record.slot and record.type in self._types:
                self.answers[record.slot] = (record.key, record.type)


def compare(
    said: Said, ledger: Iterable[Effect], workflow: str = "", before: Container[str] | None = None
) -> Effects:
    """Hold a ledger against what a log says.

    Args:
        said: by the log.
        ledger: as it is after that.
        workflow: the name.
        before: keys that stood in the ledger before the log was read. A saga without any of them
            began meanwhile. None: all did.
    """
    found = Effects(workflow)
    by_saga: dict[str, list[Effect]] = {}
    keys = set()
    for effect in ledger:
        keys.add(effect.key)
        found.effects += 1
        found.called_again += effect.calls > 1
        by_saga.setdefault(effect.saga, []).append(effect)
    for slot, (saga, kind) in said.answers.items():
        if slot not in keys:
            text = f"{saga}: the log says {kind}, and the ledger has no effect under {slot}"
            found.differences.append(text)
    for saga, effects in by_saga.items():
        end = said.sagas.get(saga)
        if end is None and before is not None and not any(e.key in before for e in effects):
            found.open += len(effects)
        elif end is None:
            text = f"{saga}: the ledger has {_names(effects)}, and the log does not know it"
            found.differences.append(text)
        elif end:
            found.differences += _judge(said, saga, end, effects)
        else:
            found.open += len(effects)
    return found


def _judge(said: Said, saga: str, end: str, effects: list[Effect]) -> Iterator[str]:
    """What is wrong with the effects of a saga that has ended."""
    for one in effects:
        if one.key not in said.answers:
            yield f"{saga}: {one.effect} was done under {one.key}, and the log has no such answer"
    done = {one.reference: one for one in effects if not one.undoes}
    undone = Counter(one.undoes for one in effects if one.undoes)
    for reference, times in undone.items():
        if reference not in done:
            yield f"{saga}: {reference} was undone, and never done"
        elif times > 1:
            yield f"{saga}: {done[reference].effect} ({reference}) was undone {times} times"
    left = Counter(one.effect for one in done.values() if one.reference not in undone)
    if end == ENDS[0]:
        for name in dict.fromkeys(one.effect for one in done.values()):
            if left[name] != 1:
                yield f"{saga}: it completed, and {name} stands {left[name]} times"
    else:
        for name, times in left.items():
            yield f"{saga}: it failed, and {name} is not undone ({times} times)"


def _names(effects: Iterable[Effect]) -> str:
    return ", ".join(sorted({one.effect for one in effects}))


def verify_effects(connection: Connection, spec: Spec, ledger: str, *, sagas: str = "") -> Effects:
    """Hold the ledger at an address against the log, which is read between two looks at it.

    Args:
        connection: where Kafka is.
        spec: of the workflow.
        ledger: its address, which is given `/ledger?workflow=NAME`.
        sagas: only those whose id begins so.

    Raises:
        BrokerError: Kafka cannot be reached.
        MinuetError: the ledger does not answer.
        UsageError: that is no address.
    """
    before = {row.key for row in fetch_ledger(ledger, spec.name)}
    said = Said(spec)
    for message in snapshot(connection, spec.log_topic):
        try:
            record = record_of(message)
        except UnreadableHeaders:
            continue
        if record.key.startswith(sagas):
            said.take(record)
    rows = fetch_ledger(ledger, spec.name)
    ours = (row for row in rows if row.saga.startswith(sagas))
    return compare(said, ours, spec.name, before)


def fetch_ledger(url: str, workflow: str) -> list[Effect]:
    """Ask a ledger for the effects in the name of a workflow.

    Raises:
        MinuetError: it does not answer, or not as a ledger.
        UsageError: that is no address.
    """
    if not url.startswith(("http://", "https://")):
        message = f"--ledger {url}: write http:// or https:// and the address"
        raise UsageError(message)
    address = f"{url.rstrip('/')}/ledger?{urlencode({'workflow': workflow})}"
    try:
        with urlopen(address, timeout=_ANSWER_S) as answer:
            return [Effect(**row) for row in json.load(answer)["effects"]]
    except URLError as error:
        message = f"--ledger {url}: {getattr(error, 'code', '') or error.reason}"
        raise MinuetError(message) from error
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        message = f"--ledger {url}: the answer is not a ledger's ({type(error).__name__})"
        raise MinuetError(message) from error
