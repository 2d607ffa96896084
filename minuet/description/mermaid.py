"""A workflow as a Mermaid flowchart: text that GitHub and other pages draw.

Whatever is named stands in quotes, escaped as entities; ids are ours, so that no name (`end`) can
be a word of Mermaid's.
"""

from __future__ import annotations

from collections.abc import Iterator

from minuet.description.matrix import COORDINATOR, cells
from minuet.description.parts import Card, Picture

_CLASSES = (
    "classDef step fill:#e2e8f0,stroke:#475569,color:#1e293b",
    "classDef outside fill:#f8fafc,stroke:#94a3b8,color:#1e293b,stroke-dasharray:5 4",
    "classDef workflow fill:#e0f2fe,stroke:#0369a1,color:#1e293b",
    "classDef clock fill:#fef9c3,stroke:#a16207,color:#1e293b",
    "classDef undo fill:#ffedd5,stroke:#c2410c,color:#1e293b",
    "classDef failing fill:#fee2e2,stroke:#dc2626,color:#1e293b",
    "classDef good fill:#dcfce7,stroke:#15803d,color:#1e293b",
    "classDef bad fill:#fee2e2,stroke:#dc2626,color:#1e293b",
    "classDef pivot fill:#ede9fe,stroke:#7c3aed,color:#1e293b,stroke-width:3px",
)
_SHOWN = {"fails": "bad", "pivot": "pivot", "request": "undo", "undone": "undo"}


def mermaid(picture: Picture) -> str:
    """The picture as a flowchart; one of the view `needs` shows every need and resource."""
    lines = _needs(picture) if picture.view == "needs" else _flow(picture)
    return "\n".join(["flowchart LR", *(f"    {line}" for line in (*lines, *_CLASSES)), ""])


def quoted(text: str) -> str:
    """A text as Mermaid takes it: entities by number, for all that could mean something."""
    return '"' + "".join(c if c.isalnum() or c in " _-,." else f"#{ord(c)};" for c in text) + '"'


def _flow(picture: Picture) -> Iterator[str]:
    ids = {key: f"c{n}" for n, key in enumerate(picture.cards, 1)}
    for key, card in picture.cards.items():
        yield from _card(ids[key], card)
    for arrow in picture.arrows:
        source, target = picture.cards[arrow.source], picture.cards[arrow.target]
        start, end = ids[arrow.source], _entry(ids[arrow.target], target, arrow.port)
        start += f"r{arrow.row}" if arrow.row >= 0 else ""
        style = "-->" if arrow.way == "forward" else "-.->"
        if source.rows or arrow.row < 0:
            yield f"{start} {style} {end}"


def _card(name: str, card: Card) -> Iterator[str]:
    words = " ".join(
        [card.title, *(card.notes if card.kind in ("clock", "end", "workflow") else ())]
    )
    open_, close = {"end": ("([", "])"), "workflow": ("[[", "]]")}.get(card.kind, ("[", "]"))
    style = "step" if card.kind == "end" else card.kind
    yield f"{name}{open_}{quoted(words)}{close}:::{style}"
    for n, row in enumerate(card.rows):
        yield f"{name}r{n}({quoted(row.event)}):::{_SHOWN.get(row.role, 'good')}"
        arrow = "-.->" if card.below else "-->"
        yield (
            f"{name}r{n} {arrow} {name}" if row.role == "request" else f"{name} {arrow} {name}r{n}"
        )
    arrow = "-.->" if card.below else "-->"
    if len(card.needs) > 1:
        yield f"{name}and{{{{{quoted('and')}}}}} {arrow} {name}"
    for port, types in enumerate(card.needs):
        if len(types) > 1:
            to = f"{name}and" if len(card.needs) > 1 else name
            yield f"{name}or{port}{{{{{quoted('or')}}}}} {arrow} {to}"


def _entry(name: str, card: Card, port: int) -> str:
    """Where an arrow comes in."""
    if card.rows and card.rows[0].role == "request":
        return f"{name}r0"
    if len(card.needs[port : port + 1]) and len(card.needs[port]) > 1:
        return f"{name}or{port}"
    return f"{name}and" if len(card.needs) > 1 else name


def _needs(picture: Picture) -> Iterator[str]:
    found = cells(picture.spec)
    steps = [*(step.name for step in picture.spec.steps), COORDINATOR]
    ids = {step: f"s{n}" for n, step in enumerate(steps, 1)}
    names = {name: f"e{n}" for n, name in enumerate(dict.fromkeys(name for name, _ in found), 1)}
    used = {name for (name, _), kind in found.items() if kind == "uses"}
    for step, key in ids.items():
        yield f"{key}[{quoted(step)}]:::step"
    for name, key in names.items():
        yield (
            f"{key}[({quoted(name)})]:::outside"
            if name in used
            else f"{key}({quoted(name)}):::good"
        )
    for (name, step), kind in found.items():
        if kind == "says":
            yield f"{ids[step]} --> {names[name]}"
        else:
            style = {"needs": "-->", "any": "-.->", "acts": "-.->", "uses": "---"}[kind]
            yield f"{names[name]} {style} {ids[step]}"
