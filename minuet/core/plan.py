"""A spec compiled for folding: which role each event type plays, and what each step waits for.

Every event type of the workflow has one bit, so that "are all parameters there?" is one AND.
A plan is made once from a spec and never changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

from minuet.event.platform import PLATFORM_EVENTS
from minuet.spec.model import DeadlineSpec, Spec, StepSpec, UndoSpec

ENDS = ("SagaCompleted", "SagaCompensated")


class Role(IntEnum):
    """What an event type is to the fold."""

    BEGIN = 0
    OUTCOME = 1  # said by a step, a deadline or somebody outside
    REQUEST = 2
    UNDONE = 3
    RETRYING = 4
    GAVE_UP = 5
    SKIPPED = 6
    RESUMED = 7
    REJECTED = 8
    CANCELLED = 9
    END = 10
    REDONE = 11
    MIGRATED = 12
    UNKNOWN = 13  # of another version of the workflow: an outcome that nobody here needs


_PLATFORM_ROLES = {
    "StepRetrying": Role.RETRYING,
    "StepGaveUp": Role.GAVE_UP,
    "StepSkipped": Role.SKIPPED,
    "StepResumed": Role.RESUMED,
    "RecordRejected": Role.REJECTED,
    "SagaCancelled": Role.CANCELLED,
    "SagaCompleted": Role.END,
    "SagaCompensated": Role.END,
    "SagaRedone": Role.REDONE,
    "SagaMigrated": Role.MIGRATED,
}


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step as the core sees it.

    Args:
        spec: what was written; `name` and `needs` of it stand here too, since folding asks for
            them all the time.
        all_of: bits of the parameters with one type.
        any_of: for each parameter `A | B`, the bits of its types.
        takes: bits of every type that may be a parameter.
        excludes: bits of the non-fail types it may say; when one is effective, the step counts
            as answered (a renamed step or a changed join does not act again).
        undoes: the undo it carries out, or None.
        in_doubt: `ask`, `park` or `undo`.
        irreversible: it says the pivot, or runs only after it.
    """

    spec: StepSpec
    name: str
    needs: tuple[tuple[str, ...], ...]
    all_of: int
    any_of: tuple[int, ...]
    takes: int
    excludes: int
    undoes: UndoSpec | None
    in_doubt: str
    irreversible: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The compiled spec; see `compile_plan`.

    Args:
        roles, bits: by event type.
        forward: steps that are bound by type; `undo_steps` are bound to a request, by its type.
        fails: types that make the saga fail.
        reactions: bits of the types from which work goes on in a failing saga: fail events,
            requests, undone events, ends, and what only follows from these.
        after_end: bits of the end events and of what only follows from these.
        beyond_pivot: the pivot and the types that can only follow it.
        deadlines: by event type; `said_by`: event type -> the step that says it.
        older: by version, the plans of those before it.
    """

    spec: Spec
    roles: dict[str, Role]
    bits: dict[str, int]
    steps: dict[str, PlannedStep]
    forward: tuple[PlannedStep, ...]
    undo_steps: dict[str, PlannedStep]
    undo_of: dict[str, UndoSpec]
    undo_by_request: dict[str, UndoSpec]
    fails: frozenset[str]
    reactions: int
    beyond_pivot: frozenset[str]
    deadlines: dict[str, DeadlineSpec]
    said_by: dict[str, str]
    after_end: int
    older: dict[str, Plan] = field(default_factory=dict)

    def of(self, version: str) -> Plan:
        """Return the plan of a saga that began under `version`: this one, when it is not known."""
        older = self.older
        return older.get(version, self) if older else self

    def role(self, event_type: str) -> Role:
        """Return what `event_type` is; a type of another version is `UNKNOWN`."""
        return self.roles.get(event_type, Role.UNKNOWN)


@lru_cache(maxsize=64)  # a simulation makes workers by the thousand
def compile_plan(spec: Spec) -> Plan:
    """Compile a spec. The spec is taken to be well formed (`minuet.spec.assemble` checks it)."""
    bits = _bits(spec)
    undo_by_request = {undo.request: undo for undo in spec.undo}
    beyond = _beyond_pivot(spec)
    steps = {s.name: _planned(spec, s, bits, undo_by_request, beyond) for s in spec.steps}
    return Plan(
        spec=spec,
        roles=_roles(spec),
        bits=bits,
        steps=steps,
        forward=tuple(s for s in steps.values() if s.undoes is None),
        undo_steps={s.undoes.request: s for s in steps.values() if s.undoes is not None},
        undo_of={undo.outcome: undo for undo in spec.undo},
        undo_by_request=undo_by_request,
        fails=frozenset((*spec.fails, "SagaCancelled")),
        reactions=sum(bits[t] for t in _reactions(spec)),
        beyond_pivot=beyond,
        deadlines={deadline.type: deadline for deadline in spec.deadlines},
        said_by={said: step.name for step in spec.steps for said in step.says},
        after_end=sum(bits[t] for t in _closure(spec, set(ENDS))),
        older={older.version: compile_plan(older) for older in spec.before},
    )


def _bits(spec: Spec) -> dict[str, int]:
    types: dict[str, None] = dict.fromkeys([spec.begins, spec.completes, *spec.fails])
    for undo in spec.undo:
        types.update(dict.fromkeys([undo.outcome, undo.request, undo.undone]))
    for deadline in spec.deadlines:
        types.update(dict.fromkeys([deadline.type, deadline.after, deadline.unless]))
    for step in spec.steps:
        types.update(dict.fromkeys([t for alternatives in step.needs for t in alternatives]))
        types.update(dict.fromkeys(step.says))
    types.update(dict.fromkeys([*ENDS, "SagaCancelled"]))
    return {event_type: 1 << n for n, event_type in enumerate(types)}


def _roles(spec: Spec) -> dict[str, Role]:
    roles = dict.fromkeys(_bits(spec), Role.OUTCOME)
    roles[spec.begins] = Role.BEGIN
    for undo in spec.undo:
        roles[undo.request] = Role.REQUEST
        roles[undo.undone] = Role.UNDONE
    roles.update({name: _PLATFORM_ROLES[name] for name in PLATFORM_EVENTS})
    return roles


def _planned(
    spec: Spec, step: StepSpec, bits: dict[str, int], undos: dict[str, UndoSpec],
    beyond: frozenset[str],
) -> PlannedStep:  # fmt: skip
    undoes = next(
        (undos[t[0]] for t in step.needs if t[0] in undos and undos[t[0]].undone in step.says),
        None,
    )
    irreversible = undoes is None and any(t in beyond for t in step.says)
    fails = {*spec.fails, "SagaCancelled"}
    return PlannedStep(
        spec=step,
        name=step.name,
        needs=step.needs,
        all_of=sum(bits[types[0]] for types in step.needs if len(types) == 1),
        any_of=tuple(sum(bits[t] for t in types) for types in step.needs if len(types) > 1),
        takes=sum({bits[t] for types in step.needs for t in types}),
        excludes=0 if undoes else sum(bits[t] for t in step.says if t not in fails),
        undoes=undoes,
        in_doubt=step.in_doubt or ("park" if irreversible else "ask"),
        irreversible=irreversible,
    )


def _reactions(spec: Spec) -> set[str]:
    found = {*spec.fails, "SagaCancelled", *ENDS}
    found.update(t for undo in spec.undo for t in (undo.request, undo.undone))
    return _closure(spec, found)


def _beyond_pivot(spec: Spec) -> frozenset[str]:
    if not spec.pivot:
        return frozenset()
    return frozenset(_closure(spec, {spec.pivot}) - set(spec.fails))


def _closure(spec: Spec, found: set[str]) -> set[str]:
    """Add the types of steps that cannot run without one of `found`."""
    while True:
        more = {
            said
            for step in spec.steps
            if any(all(t in found for t in alternatives) for alternatives in step.needs)
            for said in step.says
        }
        if more <= found:
            return found
        found |= more
