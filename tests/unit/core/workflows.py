"""Small workflows of any shape, drawn from a tape of choices."""

from __future__ import annotations

from dataclasses import dataclass, replace

from minuet.spec.model import DeadlineSpec, Spec, StepSpec, UndoSpec
from tests.unit.core.story import HOUR_MS, step


@dataclass
class Tape:
    """Choices made beforehand; past its end every choice is the first."""

    choices: bytes
    at: int = 0

    def pick(self, of: int) -> int:
        """Choose one of so many."""
        if self.at >= len(self.choices):
            return 0
        self.at += 1
        return self.choices[self.at - 1] % of

    def once_in(self, of: int) -> bool:
        """Say yes once in so many times."""
        return self.pick(of) == of - 1


def workflow(tape: Tape) -> Spec:
    """Draw a workflow: a graph of forward steps, undos, perhaps a pivot, a deadline, reactions.

    Event `E2` is what step `s2` says, `F2` its failure, `R2` and `U2` its undo.
    """
    count = 2 + tape.pick(4)
    pivot = count - 1 - tape.pick(2) if tape.pick(2) else 0
    steps = [_forward(tape, number, count, pivot) for number in range(1, count + 1)]
    undos = [number for number in range(1, (pivot or count + 1)) if tape.pick(3)]
    spec = Spec(
        name="drawn",
        key="key",
        begins="E0",
        completes=f"E{count}",
        pivot=f"E{pivot}" if pivot else "",
        fails=(*(t for s in steps for t in s.says if t[0] == "F"), "TooLate"),
        undo=tuple(UndoSpec(f"E{n}", f"R{n}", f"U{n}") for n in undos),
        deadlines=(DeadlineSpec("TooLate", "E0", f"E{pivot or count}", HOUR_MS),),
        parallel_undo=tape.once_in(3),
        version="v1",
    )
    backwards = []
    for n in undos:
        needs = (f"R{n}", f"R{n}, E{n}", f"R{n}, E{n}, E0")[tape.pick(3)]
        backwards.append(step(f"undo{n}", needs, f"U{n}"))
        if needs == f"R{n}" and tape.pick(2):
            steps[n - 1] = replace(steps[n - 1], in_doubt="undo")
    return replace(spec, steps=(*steps, *backwards, *_reactions(tape, spec, count)))


def _forward(tape: Tape, number: int, count: int, pivot: int) -> StepSpec:
    """Draw a step; the pivot and the last one need all that may fail, and nothing fails after."""
    before = [f"E{n}" for n in range(number)]
    if number in (pivot, count):
        needs = before
    else:
        needs = [event for event in before if tape.pick(2)] or [before[-1]]
        if len(needs) > 1 and tape.once_in(4):
            needs = [" | ".join(needs[:2]), *needs[2:]]
    may_fail = number <= pivot or not pivot
    says = f"E{number} | F{number}" if may_fail and tape.pick(3) else f"E{number}"
    return step(f"s{number}", ", ".join(needs), says)


def _reactions(tape: Tape, spec: Spec, count: int) -> list[StepSpec]:
    found = []
    if tape.pick(2):
        found.append(step("tell", f"{spec.fails[0]}, E0", "Told"))
    if tape.pick(2):
        found.append(step("file", f"SagaCompleted, E{count}, E0", "Filed"))
    if tape.pick(2):
        found.append(step("close", "SagaCompensated, E0", "Closed"))
    return found


def renamed(spec: Spec, name: str) -> Spec:
    """The next version of a workflow, in which a step has another name."""
    steps = [replace(s, name=f"{name}x") if s.name == name else s for s in spec.steps]
    return replace(spec, steps=tuple(steps), version=f"{spec.version}x")
