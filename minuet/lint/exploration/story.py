"""Tells a way through a saga so that a person can read it."""

from __future__ import annotations

from collections.abc import Iterator

from minuet.core.due import undo_causes
from minuet.core.plan import Plan
from minuet.core.state import State
from minuet.inspection.standing import lacking
from minuet.lint.exploration.explore import Trace


def tell(plan: Plan, trace: Trace) -> tuple[tuple[str, ...], str]:
    """Return the story of a saga that is stuck, line by line, and what to do; empty if unknown."""
    lines = [f"{number}. {move.text}" for number, move in enumerate(trace.moves, 1)]
    if trace.again is not None:
        lines.append(f"then, over and over: {trace.again.text}, which has no effect")
        return tuple(lines), ""
    state = trace.state
    lines.append(f"then nothing can happen any more, and the saga is {state.status.value}:")
    lines.extend(f"   {why}" for why in _waits(plan, state))
    return tuple(lines), _mend(plan, trace)


def _waits(plan: Plan, state: State) -> Iterator[str]:
    if not state.failing:
        if plan.spec.completes not in state.events:
            yield f"{plan.spec.completes}, which completes it, has not happened"
        for step in lacking(plan, state):
            yield f"{step.step} waits for {' and '.join(step.lacks)}, which nobody will say"
        return
    answerable = {undoes for undoes, _, causes in undo_causes(plan, state) if None not in causes}
    for undoes, request in state.requests.items():
        if undoes not in state.undone and undoes not in answerable:
            yield f"{request.type} was asked for, and no step can answer it"


def _mend(plan: Plan, trace: Trace) -> str:
    """The event after which nobody goes on is the one to look at."""
    if trace.state.failing:
        return "let the undo step take the request and what has happened for certain by then"
    last = trace.moves[-1].record.type
    if last in plan.fails:
        return f"let {last} be said before the pivot only, or let a step go on from it"
    return f"let a step need {last} and go on, or add it to the saga's `fails`"
