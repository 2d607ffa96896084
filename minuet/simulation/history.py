"""The log read a second way: a small interpreter of the rules that shares nothing with the core.

It reads names and headers by itself, so that a mistake in the core is not made twice. What people
do (resume, answer, skip, cancel, redo) does not happen in simulations, and is not read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from minuet.engines.course import Stored
from minuet.spec.model import Spec

ENDS = ("SagaCompleted", "SagaCompensated")
NEVER = 1 << 62
_READ = ("ce_id", "ce_type", "ce_slot", "ce_undoes", "ce_causes")


@dataclass(slots=True, eq=False)  # one for each record: freezing them costs as much as the rest
class Said:
    """A record of a saga, its headers read."""

    offset: int
    time: int
    id: str
    type: str
    slot: str
    undoes: str
    causes: tuple[str, ...]
    late: bool


@dataclass
class Told:
    """What the log tells of one saga.

    Args:
        records: each id once, in their order.
        effective: forward outcomes and what came from outside, by type.
        answers: slot -> what answered it first.
        strays: forward outcomes that came second.
        failed: by which record; `completed` likewise; at most one of them is there.
        after_pivot: fail events that came too late to fail it.
        end: the end event, and how many records say one.
        requests, undone: by what they undo.
        parked: slots that wait for a person; `tried`: those that the log knows a try of.
    """

    key: str
    records: list[Said] = field(default_factory=list)
    effective: dict[str, Said] = field(default_factory=dict)
    answers: dict[str, Said] = field(default_factory=dict)
    strays: list[Said] = field(default_factory=list)
    failed: Said | None = None
    completed: Said | None = None
    after_pivot: list[Said] = field(default_factory=list)
    ends: list[Said] = field(default_factory=list)
    requests: dict[str, Said] = field(default_factory=dict)
    undone: dict[str, Said] = field(default_factory=dict)
    parked: dict[str, Said] = field(default_factory=dict)
    counts: set[str] = field(default_factory=set)
    tried: set[str] = field(default_factory=set)

    @property
    def ended_at(self) -> int:
        """When it ended, ms since 1970."""
        return self.ends[0].time if self.ends else NEVER

    @property
    def outcomes(self) -> list[Said]:
        """Everything that was said to have happened, strays too, in the log's order."""
        return sorted([*self.effective.values(), *self.strays], key=lambda one: one.offset)


def told(spec: Spec, log: Iterable[Stored]) -> dict[str, Told]:
    """Read a log, saga by saga; one that never began is left out."""
    kinds = _Kinds.of(spec)
    sagas: dict[str, Told] = {}
    known: set[tuple[bytes, str]] = set()
    early: dict[str, list[Said]] = {}
    for stored in log:
        said = _said(stored)
        if (stored.key, said.id) in known:
            continue
        known.add((stored.key, said.id))
        key = stored.key.decode()
        if key not in sagas and said.type != spec.begins:
            early.setdefault(key, []).append(said)  # it is taken when the saga begins
            continue
        saga = sagas.setdefault(key, Told(key))
        for one in (said, *early.pop(key, ())):
            saga.records.append(one)
            _take(kinds, saga, one)
    return sagas


@dataclass(frozen=True, slots=True)
class _Kinds:
    """What the event types of a workflow are."""

    spec: Spec
    requests: frozenset[str]
    undone: frozenset[str]
    forward: frozenset[str]
    unless: dict[str, str]

    @classmethod
    def of(cls, spec: Spec) -> _Kinds:
        undone = frozenset(undo.undone for undo in spec.undo)
        said = frozenset(name for step in spec.steps for name in step.says)
        return cls(
            spec,
            requests=frozenset(undo.request for undo in spec.undo),
            undone=undone,
            forward=said - undone,
            unless={one.type: one.unless for one in spec.deadlines},
        )


def _take(kinds: _Kinds, saga: Told, said: Said) -> None:
    name = said.type
    if name in ENDS:
        saga.ends.append(said)
        saga.counts.add(said.id)
    elif name in kinds.requests:
        saga.requests.setdefault(said.undoes, said)
        saga.counts.add(said.id)
    elif name in kinds.undone:
        saga.undone.setdefault(said.undoes, said)
        saga.answers.setdefault(said.slot, said)
        saga.parked.pop(said.slot, None)
        saga.counts.add(said.id)
    elif name in ("StepGaveUp", "StepRetrying"):
        _tried(saga, said)
    elif name == "StepSkipped":
        if said.slot not in saga.tried:  # nobody can say so of what somebody tried
            saga.answers.setdefault(said.slot, said)
    elif name in kinds.unless:
        if kinds.unless[name] not in saga.effective and name not in saga.effective:
            _effective(kinds, saga, said)
    elif name in kinds.forward or name == kinds.spec.begins or not said.slot:
        _outcome(kinds, saga, said)


def _tried(saga: Told, said: Said) -> None:
    if said.slot not in saga.answers:
        saga.tried.add(said.slot)
        if said.type == "StepGaveUp":
            saga.parked[said.slot] = said


def _outcome(kinds: _Kinds, saga: Told, said: Said) -> None:
    """The first of its slot and type, from causes that count, is effective; others are strays."""
    if said.type == "RecordRejected":
        return
    answered = said.slot and said.slot in saga.answers
    groundless = any(cause not in saga.counts for cause in said.causes)
    if answered or groundless or said.type in saga.effective:
        saga.strays.append(said)
        return
    if said.slot:
        saga.answers[said.slot] = said
        saga.parked.pop(said.slot, None)
    _effective(kinds, saga, said)


def _effective(kinds: _Kinds, saga: Told, said: Said) -> None:
    spec = kinds.spec
    saga.effective[said.type] = said
    saga.counts.add(said.id)
    if saga.failed or saga.completed:
        return
    if said.type == spec.completes:
        saga.completed = said
    elif said.type in spec.fails:
        if spec.pivot and spec.pivot in saga.effective:
            saga.after_pivot.append(said)
        else:
            saga.failed = said


def _said(stored: Stored) -> Said:
    headers = dict(stored.headers)
    known, kind, slot, undoes, causes = [
        (headers.get(name) or b"").decode(errors="replace") for name in _READ
    ]
    causes_of = tuple(causes.split(",")) if causes else ()
    late = "ce_late" in headers
    return Said(stored.offset, stored.time, known, kind, slot, undoes, causes_of, late)
