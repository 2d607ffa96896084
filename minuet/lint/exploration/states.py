"""Copies of states, and which of two states are the same for all that can come.

Two states that agree in `essence` have the same futures. Fold, due and decide read offsets only to
know what happened before the failure, in which order outcomes are undone, and which alternative of
`A | B` was first; of the tries of a slot only whether there were any, whether it is parked, and
whether a person decided. So the order of events that do not touch each other is no difference, nor
is how often a step was tried, and the states of a workflow are finitely many without any bound on
tries.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import MISSING, fields, replace

from minuet.core.plan import Plan
from minuet.core.state import Place, State
from minuet.lint.exploration.moves import PASSING

_PLAIN = tuple(each.name for each in fields(State) if each.default_factory is MISSING)
_GATHERED = tuple(each.name for each in fields(State) if each.default_factory is not MISSING)


def fork(state: State) -> State:
    """Return a state that may be folded on while the other stays; entries are never written."""
    twin = State(state.saga_id)
    for name in _PLAIN:
        setattr(twin, name, getattr(state, name))
    for name in _GATHERED:
        setattr(twin, name, getattr(state, name).copy())
    if twin.tries:
        twin.tries = {slot: replace(tries) for slot, tries in twin.tries.items()}
    return twin


def is_over(state: State) -> bool:
    """Whether the saga has ended and nothing is left to do."""
    return state.status.ended and not state.seen


def essence(plan: Plan, state: State) -> Hashable:
    """Return what of a state matters for all that can come."""
    if is_over(state):
        return (state.status, frozenset(state.incidents))
    failed = state.failed_offset if state.failing else state.log_offset + 1
    return (
        state.status,
        frozenset([(e.id, e.place, e.offset < failed) for e in state.ids.values()]),
        frozenset([e.id for e in state.events.values()]),
        tuple(_undo_order(plan, state)),
        tuple(_first_ones(plan, state)),
        frozenset(state.strays),
        frozenset(state.undone),
        frozenset([e.slot for e in state.skips.values()]),
        frozenset([(s, t.attempt > 0, t.parked, t.decided) for s, t in state.tries.items()]),
        frozenset([(key, incident.kind) for key, incident in state.incidents.items()]),
        frozenset([each for each, digest in state.seen.items() if digest != PASSING]),
    )


def _undo_order(plan: Plan, state: State) -> Iterator[str]:
    if plan.spec.parallel_undo:
        return
    wanted = [
        e for e in state.events.values() if e.type in plan.undo_of and e.id not in state.undone
    ]
    yield from (e.id for e in sorted(wanted, key=lambda entry: entry.offset))


def _first_ones(plan: Plan, state: State) -> Iterator[str]:
    for step in plan.forward:
        for types in step.needs if step.any_of else ():
            there = [e for t in types if (e := state.events.get(t)) and e.place is not Place.LATE]
            if len(there) > 1:
                yield min(there, key=lambda entry: entry.offset).id
