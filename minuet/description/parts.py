"""What drawings are made of: cards and arrows; and what is known of events before they happen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from minuet.spec.model import Spec, StepSpec

View = Literal["happy", "undo", "needs", "all"]
Kind = Literal["outside", "workflow", "step", "clock", "end", "undo", "failing"]
Role = Literal["outcome", "undoable", "pivot", "completes", "fails", "request", "undone", "end"]

CANCELLED, COMPLETED, COMPENSATED = "SagaCancelled", "SagaCompleted", "SagaCompensated"


@dataclass(frozen=True)
class Row:
    """An event on the card of who says it."""

    event: str
    role: Role


@dataclass(frozen=True)
class Card:
    """Somebody who says events, or where a saga ends.

    Args:
        key: unlike any other card's.
        rows: what it says; of an undo first the request that it answers.
        needs: of each arrow that comes in, the events that it may come from.
        column: counted from the left.
        below: it is a part of the undo path.
    """

    key: str
    kind: Kind
    title: str
    notes: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    needs: tuple[tuple[str, ...], ...] = ()
    column: int = 0
    below: bool = False


@dataclass(frozen=True)
class Arrow:
    """From a row of a card, or from the card itself (-1), to what needs it."""

    source: str
    row: int
    target: str
    port: int = 0
    way: Literal["forward", "fails", "undo"] = "forward"


@dataclass(frozen=True)
class Picture:
    """What is drawn of a workflow."""

    spec: Spec
    view: View
    cards: dict[str, Card]
    arrows: tuple[Arrow, ...]


def certain(spec: Spec) -> dict[str, frozenset[str]]:
    """Of each event, the events that a saga always has when it has that one."""
    after = {undo.request: undo.outcome for undo in spec.undo}
    after |= {deadline.type: deadline.after for deadline in spec.deadlines}
    after[COMPLETED] = spec.completes
    said_by = {said: step for step in spec.steps for said in step.says}
    known: dict[str, frozenset[str]] = {}

    def of(event: str) -> frozenset[str]:
        if event not in known:
            found = frozenset({event, spec.begins})
            if event in said_by:
                for types in said_by[event].needs:
                    found |= frozenset.intersection(*map(of, types))
            elif event in after:
                found |= of(after[event])
            known[event] = found
        return known[event]

    needed = (t for step in spec.steps for types in step.needs for t in types)
    for event in (*said_by, *after, *needed):
        of(event)
    return known


def closure(spec: Spec, found: set[str]) -> set[str]:
    """`found`, and the types of steps that cannot run without one of them."""
    while True:
        more = {said for step in spec.steps if needs_any(step, found) for said in step.says}
        if more <= found:
            return found
        found |= more


def needs_any(step: StepSpec, events: set[str]) -> bool:
    """Whether a step cannot run without one of these events."""
    return any(all(t in events for t in types) for types in step.needs)


def short(qualified: str) -> str:
    """The name of a resource's class alone."""
    return qualified.rpartition(".")[2]
