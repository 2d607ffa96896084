"""What a drawing of a workflow shows; where it stands on the paper is `layout`'s.

The happy path goes from left to right, the undo path below it and back. What is needed, but always
there when something else that is needed is, has no arrow: its card says so in words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from minuet.description.parts import (
    CANCELLED,
    COMPENSATED,
    COMPLETED,
    Arrow,
    Card,
    Picture,
    Role,
    Row,
    View,
    certain,
    closure,
    needs_any,
    short,
)
from minuet.duration import written
from minuet.spec.model import Spec, StepSpec, UndoSpec


def picture(spec: Spec, view: View = "all", others: Iterable[Spec] = ()) -> Picture:
    """What a drawing of `spec` shows.

    Args:
        spec: of the workflow.
        view: `happy` is without failures, `undo` shows these and what they undo, `all` both.
        others: of the project, which may begin this workflow or be begun by it.
    """
    made = _Making(spec, tuple(others))
    made.forward()
    made.backward()
    cards, arrows = made.cards, made.arrows
    if view == "happy":
        cards = {key: _without_fails(card) for key, card in cards.items() if made.is_happy(card)}
        arrows = list(_without_gaps(arrows, made.cards, cards))
    elif view == "undo":
        wanted: set[Role] = {"fails", "undoable"}
        cards = {
            key: card if card.below else replace(card, needs=())
            for key, card in cards.items()
            if card.below or any(row.role in wanted for row in card.rows)
        }
        arrows = [each for each in arrows if each.way != "forward"]
    arrows = [each for each in arrows if each.source in cards and each.target in cards]
    return Picture(spec, view, _close_up(cards), tuple(arrows))


def _without_fails(card: Card) -> Card:
    return replace(card, rows=tuple(row for row in card.rows if row.role != "fails"))


def _without_gaps(
    arrows: Iterable[Arrow], before: dict[str, Card], cards: dict[str, Card]
) -> Iterator[Arrow]:
    """The forward arrows, from the rows where their events stand now."""
    for arrow in arrows:
        if arrow.way == "forward" and arrow.source in cards:
            row, rows = before[arrow.source].rows[arrow.row], cards[arrow.source].rows
            if row in rows:
                yield replace(arrow, row=rows.index(row))


def _close_up(cards: dict[str, Card]) -> dict[str, Card]:
    """Leave no column empty, and none below zero."""
    used = sorted({card.column for card in cards.values()})
    return {key: replace(card, column=used.index(card.column)) for key, card in cards.items()}


@dataclass
class _Making:
    spec: Spec
    others: Sequence[Spec]
    cards: dict[str, Card] = field(default_factory=dict)
    arrows: list[Arrow] = field(default_factory=list)

    def __post_init__(self) -> None:
        spec = self.spec
        self.certain = certain(spec)
        self.undo_of = {undo.outcome: undo for undo in spec.undo}
        asked = {undo.request: undo for undo in spec.undo}
        self.undoing: dict[str, UndoSpec] = {
            step.name: asked[types[0]]
            for step in spec.steps
            for types in step.needs
            if types[0] in asked and asked[types[0]].undone in step.says
        }
        back = {t for undo in spec.undo for t in (undo.request, undo.undone)}
        self.back = closure(spec, back | {COMPENSATED})
        self.failing = closure(spec, {*spec.fails, CANCELLED}) | self.back

    def is_happy(self, card: Card) -> bool:
        """Whether a card belongs to a saga in which nothing fails."""
        needed = any(all(t in self.failing for t in types) for types in card.needs)
        told = [row for row in card.rows if row.event not in self.failing]
        return not card.below and not needed and (bool(told) or not card.rows)

    # -- from left to right -------------------------------------------------------------------

    def forward(self) -> None:
        """The cards above, and their arrows."""
        self._beginning()
        steps = [s for s in self.spec.steps if not needs_any(s, self.back)]
        for step in steps:
            self._add(self._step(step))
        for deadline in self.spec.deadlines:
            within = written(deadline.within_ms)
            notes = (f"{within} after {deadline.after}", f"unless {deadline.unless}")
            rows = self._rows([deadline.type])
            key = f"deadline {deadline.type}"
            self._add(Card(key, "clock", "deadline", notes, rows, ((deadline.after,),)))
        self._ends()
        self._join([card for card in self.cards.values() if card.needs], "forward")
        self._columns()

    def _beginning(self) -> None:
        begins, rows = self.spec.begins, self._rows([self.spec.begins])
        begun_by = [(other, s) for other in self.others for s in other.steps if begins in s.says]
        for other, step in begun_by:
            key = f"by {other.name} {step.name}"
            notes = (f"step {step.name}", f"begins {self.spec.name}")
            self._add(Card(key, "workflow", f"workflow {other.name}", notes, rows))
        if not begun_by:
            notes = ("published or ingested", f"key {self.spec.key}")
            self._add(Card("outside", "outside", "upstream", notes, rows))
        said = {begins, *(t for s in self.spec.steps for t in s.says), *self.back}
        said |= {deadline.type for deadline in self.spec.deadlines} | {COMPLETED, CANCELLED}
        named = {t for step in self.spec.steps for types in step.needs for t in types}
        named |= {*self.spec.fails, self.spec.completes, self.spec.pivot, *self.undo_of} - {""}
        named |= {t for d in self.spec.deadlines for t in (d.after, d.unless)}
        if from_outside := sorted(named - said):
            self._others(from_outside)
        if CANCELLED in named:
            self._add(Card("person", "outside", "a person", (), self._rows([CANCELLED])))

    def _others(self, events: Sequence[str]) -> None:
        """A card for each source of imports, and one for what others publish."""
        imported = {each.type for each in self.spec.imports}
        for topic, imports in self.spec.import_topics.items():
            rows = self._rows(sorted(each.type for each in imports if each.type in events))
            notes = (f"imported, key {imports[0].key}",)
            self._add(Card(f"from {topic}", "outside", topic, notes, rows))
        if rest := [event for event in events if event not in imported]:
            self._add(Card("others", "outside", "others", ("publish it",), self._rows(rest)))

    def _step(self, step: StepSpec) -> Card:
        drawn, also = self._drawn(step)
        notes = [f"uses {', '.join(map(short, step.resources))}"] if step.resources else []
        notes += [f"also needs {' or '.join(types)}" for types in also]
        mixed = [t for p in drawn if not set(p) <= self.back for t in p if t in self.back]
        notes += [f"or after {event}" for event in mixed]
        return Card(step.name, "step", step.name, tuple(notes), self._rows(step.says), drawn)

    def _drawn(
        self, step: StepSpec
    ) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
        """What a step needs: what decides when it runs, and what is there by then anyway."""
        there = [frozenset.intersection(*(self.certain[t] for t in p)) for p in step.needs]
        also = [
            types
            for n, types in enumerate(step.needs)
            if any(there[m].intersection(types) for m in range(len(there)) if m != n)
        ]
        return tuple(p for p in step.needs if p not in also), tuple(also)

    def _rows(self, events: Iterable[str]) -> tuple[Row, ...]:
        return tuple(Row(event, self._role(event)) for event in events)

    def _role(self, event: str) -> Role:
        spec = self.spec
        if event in (*spec.fails, CANCELLED):
            return "fails"
        if event == spec.pivot:
            return "pivot"
        if event == spec.completes:
            return "completes"
        return "undoable" if event in self.undo_of else "outcome"

    def _ends(self) -> None:
        end = (Row(COMPLETED, "end"),)
        self._add(Card("completed", "end", "saga ends", ("well",), end, ((self.spec.completes,),)))
        said = {t for step in self.spec.steps for t in step.says}
        for other in self.others:
            if other.begins in said:
                key, title = f"begins {other.name}", f"workflow {other.name}"
                self._add(Card(key, "workflow", title, ("begins",), (), ((other.begins,),)))

    def _add(self, card: Card) -> None:
        self.cards[card.key] = card

    def _join(self, cards: Iterable[Card], way: Literal["forward", "undo"]) -> None:
        """The arrows to these cards, from whoever says what they need."""
        said = defaultdict(list)
        for card in self.cards.values():
            for number, row in enumerate(card.rows):
                if row.role != "request":
                    said[row.event].append((card.key, number))
        for card in cards:
            for port, types in enumerate(card.needs):
                for key, number in (place for t in types for place in said[t]):
                    self.arrows.append(Arrow(key, number, card.key, port, way))
        for card in self.cards.values():
            if way == "forward":
                fails = [n for n, row in enumerate(card.rows) if row.role == "fails"]
                self.arrows += [Arrow(card.key, n, "failing", 0, "fails") for n in fails]

    def _columns(self) -> None:
        """A card stands right of all that it needs; what needs nothing, left of who needs it."""
        ways = [(a.source, a.target) for a in self.arrows if a.way == "forward"]
        at = dict.fromkeys(self.cards, 0)
        for _ in self.cards:
            for source, target in ways:
                at[target] = max(at[target], at[source] + 1)
        for key in ("others", "person"):
            needed = [at[target] for source, target in ways if source == key]
            if needed:
                at[key] = min(needed) - 1
        self.cards = {key: replace(c, column=at[key]) for key, c in self.cards.items()}

    # -- and back -----------------------------------------------------------------------------

    def backward(self) -> None:
        """The cards below: what fails the saga, each undo under what it undoes, and the end."""
        says = {row.event: card.column for card in self.cards.values() for row in card.rows}
        steps = {step.name: step for step in self.spec.steps}
        groups: dict[int, list[str]] = defaultdict(list)
        for name, undo in self.undoing.items():
            column = says.get(undo.outcome, 1)
            self._add(replace(self._undo(steps[name], undo), column=column))
            groups[column].append(name)
        last = max(groups, default=0) + 1
        first = min(groups, default=1) - 1
        how = "all at once" if self.spec.parallel_undo else "last outcome first"
        notes = ("the first of these in the log", *([f"begins the undo, {how}"] if groups else []))
        self._add(Card("failing", "failing", "saga fails", notes, (), (), last, True))
        rows = (Row(COMPENSATED, "end"),)
        ended = Card("compensated", "end", "saga ends", ("undone",), rows, ((),), first, True)
        self._chain([groups[column] for column in sorted(groups, reverse=True)], ended)
        self._reactions()

    def _undo(self, step: StepSpec, undo: UndoSpec) -> Card:
        notes = [f"undoes {undo.outcome}"]
        notes += [f"uses {', '.join(map(short, step.resources))}"] if step.resources else []
        also = [types for types in step.needs if types != (undo.request,)]
        notes += [f"also needs {' or '.join(types)}" for types in also]
        rows = (Row(undo.request, "request"), Row(undo.undone, "undone"))
        return Card(step.name, "undo", step.name, tuple(notes), rows, ((),), 0, True)

    def _chain(self, groups: list[list[str]], ended: Card) -> None:
        """One undo after the other; those of steps that run in parallel beside each other."""
        if self.spec.parallel_undo:
            groups = [[name for group in groups for name in group]] if groups else []
        self._add(ended)
        before: list[tuple[str, int]] = [("failing", -1)]
        for group in [*groups, [ended.key]]:
            for key, row in before:
                self.arrows += [Arrow(key, row, name, 0, "undo") for name in group]
            before = [(name, 1) for name in group]

    def _reactions(self) -> None:
        """The steps that follow from an undo, or from the end of one: further to the left."""
        left = [
            s for s in self.spec.steps if needs_any(s, self.back) and s.name not in self.undoing
        ]
        for step in left:
            card = self._step(step)
            drawn = tuple(types for types in card.needs if all(t in self.back for t in types))
            also = [f"also needs {' or '.join(t)}" for t in card.needs if t not in drawn]
            self._add(replace(card, notes=(*card.notes, *also), needs=drawn, below=True))
        self._join([self.cards[step.name] for step in left], "undo")
        for _ in left:
            for arrow in (a for a in self.arrows if a.target in {s.name for s in left}):
                source, target = self.cards[arrow.source], self.cards[arrow.target]
                column = min(target.column or 0, source.column - 1)
                self.cards[target.key] = replace(target, column=column)
