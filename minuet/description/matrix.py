"""Who needs what, as a table: a row for each event and resource, a column for each step."""

from __future__ import annotations

from collections.abc import Iterator

from minuet.description import marks
from minuet.description.marks import FAINT, GOOD, INK, PAPER, RULE
from minuet.description.measures import MARGIN, name_width, note_width
from minuet.description.parts import CANCELLED, COMPENSATED, COMPLETED, Picture, short
from minuet.spec.model import Spec

_CELL, _TOP, _LEGEND, _LEAST = 26, 84, 44, 420
COORDINATOR = "coordinator"
Cells = dict[tuple[str, str], str]  # (event or resource, step) -> one of _LEGENDS

_LEGENDS = {
    "says": "says it", "needs": "needs it", "any": "needs it or another", "acts": "acts on it",
    "uses": "uses it",
}  # fmt: skip


def cells(spec: Spec) -> Cells:
    """What each step, and the coordinator, has to do with each event and resource."""
    found: Cells = {}
    for step in spec.steps:
        for types in step.needs:
            found |= {(event, step.name): "needs" if len(types) == 1 else "any" for event in types}
        found |= {(event, step.name): "says" for event in step.says}
        found |= {(short(resource), step.name): "uses" for resource in step.resources}
    said = [undo.request for undo in spec.undo] + [deadline.type for deadline in spec.deadlines]
    read = [spec.completes, CANCELLED, *spec.fails, *(undo.outcome for undo in spec.undo)]
    read += [event for deadline in spec.deadlines for event in (deadline.after, deadline.unless)]
    found |= {(event, COORDINATOR): "acts" for event in read}
    found |= {(event, COORDINATOR): "says" for event in (*said, COMPLETED, COMPENSATED)}
    return found


def matrix(picture: Picture) -> str:
    """The table as an SVG document."""
    spec, found = picture.spec, cells(picture.spec)
    cards = sorted(picture.cards.values(), key=lambda card: (card.below, card.column))
    events = list(dict.fromkeys(row.event for card in cards for row in card.rows))
    rows = [*events, *sorted({name for (name, _), kind in found.items() if kind == "uses"})]
    steps = [card.key for card in cards if card.kind in ("step", "undo")] + [COORDINATOR]
    left = MARGIN + max(name_width(name) for name in rows) + 16
    high = _TOP + max(name_width(name) for name in steps)
    width = max(left + _CELL * len(steps) + MARGIN, _LEAST)
    bottom = high + 12 + _CELL * len(rows)
    body = [*_grid(rows, steps, left, high, bottom)]
    for (name, step), kind in found.items():
        if name in rows:
            x, y = (
                left + _CELL * (steps.index(step) + 0.5),
                high + 12 + _CELL * (rows.index(name) + 0.5),
            )
            body += [_mark(kind, x, y)]
    x = float(MARGIN)
    for kind, words in _LEGENDS.items():
        if kind in found.values():
            body += [_mark(kind, x + 8, bottom + 32), marks.text(x + 22, bottom + 36, words, "", 0)]
            x += 22 + note_width(words) + 20
    about = "who needs what, and who says it"
    return marks.document(spec.name, about, max(width, x), bottom + _LEGEND + MARGIN, body)


def _grid(
    rows: list[str], steps: list[str], left: float, high: float, bottom: float
) -> Iterator[str]:
    right = left + _CELL * len(steps)
    for n, name in enumerate(rows):
        y = high + 12 + _CELL * n
        yield f'<path d="M{MARGIN} {y:g}H{right:g}" stroke="{RULE}"/>'
        yield marks.text(MARGIN, y + 17, name, "n", name_width(name))
    for n, name in enumerate(steps):
        x = left + _CELL * (n + 0.5)
        yield f'<path d="M{x:g} {high + 12:g}V{bottom:g}" stroke="{RULE}"/>'
        told = marks.text(0, 4, name, "n", name_width(name))
        yield f'<g transform="translate({x:g} {high:g}) rotate(-90)">{told}</g>'


def _mark(kind: str, x: float, y: float) -> str:
    if kind == "uses":
        return marks.box(x - 5, y - 5, 10, 10, FAINT, FAINT, rounded=2)
    fill, stroke = {
        "says": (PAPER, GOOD),
        "needs": (INK, INK),
        "any": ("#cbd5e1", INK),
        "acts": ("#94a3b8", "#94a3b8"),
    }[kind]
    wide = 2.5 if kind == "says" else 1
    return (
        f'<circle cx="{x:g}" cy="{y:g}" r="6" fill="{fill}" stroke="{stroke}" '
        f'stroke-width="{wide:g}"/>'
    )
