"""A picture as SVG: cards, arrows and a legend."""

from __future__ import annotations

from collections.abc import Iterator

from minuet.description import marks, measures
from minuet.description.layout import Box, Layout, arrange
from minuet.description.marks import BACK, BAD, GOOD, INK, PAPER, POINT, RULE, WAYS
from minuet.description.parts import Card, Kind, Picture, Role

_ROLE: dict[Role, str] = {
    "outcome": GOOD, "undoable": GOOD, "pivot": POINT, "completes": GOOD, "fails": BAD,
    "request": BACK, "undone": BACK, "end": INK,
}  # fmt: skip
_KIND: dict[Kind, tuple[str, str]] = {  # the colour of the border, and behind the title
    "outside": ("#94a3b8", "#f8fafc"), "workflow": ("#0369a1", "#e0f2fe"),
    "step": ("#475569", "#e2e8f0"), "clock": ("#a16207", "#fef9c3"), "end": (INK, "#f1f5f9"),
    "undo": (BACK, "#ffedd5"), "failing": (BAD, "#fee2e2"),
}  # fmt: skip
_TOP = 78
_LEAST_WIDTH = 640
_SAMPLE, _LEGEND_ROW = 34, 20
_VIEWS = {"happy": "the happy path", "undo": "the undo path", "all": "what happens to a saga"}


def svg(picture: Picture) -> str:
    """The picture as an SVG document."""
    layout = arrange(picture, _TOP)
    spec = picture.spec
    about = f"{_VIEWS[picture.view]}: begun by {spec.begins}, completed by {spec.completes}"
    about += f", no way back after {spec.pivot}" if spec.pivot else ""
    body = [*_arrows(layout), *(part for box in layout.boxes.values() for part in _card(box))]
    least = (
        max(measures.name_width(spec.name) * 1.5, measures.note_width(about, 13))
        + 2 * measures.MARGIN
    )
    width = max(layout.width, least, _LEAST_WIDTH)
    legend, bottom = _legend(picture, width, layout.height + 44)
    return marks.document(spec.name, about, width, bottom + measures.MARGIN, [*body, *legend])


def _arrows(layout: Layout) -> Iterator[str]:
    """First those of failures, over them the others, each with a pale edge where they cross."""
    for way in ("fails", "undo", "forward"):
        turn = -1 if way == "fails" else 1
        lines = {a: marks.path(p[::turn]) for a, p in layout.lines.items() if a.way == way}
        yield from (f'<path class="h" d="{along}"/>' for along in lines.values())
        for arrow, along in lines.items():
            ends = way == "fails" or not layout.boxes[arrow.target].gated
            yield marks.line(along, way, ends=ends)
    for box in layout.boxes.values():
        for port, types in enumerate(box.card.needs if box.card else ()):
            if len(types) > 1:
                yield from _either(box, port)


def _card(box: Box) -> Iterator[str]:
    card = box.card
    if card is None:
        return
    x, y, width = box.x, box.y, box.width
    border, behind = _KIND[card.kind]
    dashed = ' stroke-dasharray="5 4"' if card.kind == "outside" else ""
    if card.kind == "workflow":  # a whole workflow: a second card shows behind
        yield marks.box(x + 4, y + 4, width, box.height, PAPER, border)
    yield marks.box(x, y, width, box.height, PAPER, border, dashed)
    yield f'<path d="{_top_of(x, y, width)}" fill="{behind}"/>'
    yield marks.box(x, y, width, box.height, "none", border, dashed)
    titled = x + measures.PAD
    if card.kind == "clock":
        yield marks.clock(x + measures.PAD + 7, y + measures.TITLE / 2, border)
        titled += 22
    yield marks.text(titled, y + 20, card.title, "n t", measures.name_width(card.title) * 1.04)
    for n, note in enumerate(card.notes):
        yield marks.text(
            x + measures.PAD,
            y + measures.TITLE + measures.NOTE * (n + 1) - 1,
            note,
            "",
            measures.note_width(note),
        )
    for n, row in enumerate(card.rows):
        yield from _row(x, y + measures.row_middle(card, n), width, row.event, row.role)
    if box.gated:
        yield from _gate(box, card)


def _row(x: float, middle: float, width: float, event: str, role: Role) -> Iterator[str]:
    colour = _ROLE[role]
    yield f'<path d="M{x:g} {middle - measures.ROW / 2:g}h{width:g}" stroke="{RULE}"/>'
    if role in ("pivot", "completes"):
        yield marks.box(
            x + 9, middle - 4, 8, 8, colour, colour, rounded=0 if role == "pivot" else 4
        )
    else:
        yield f'<circle cx="{x + 13:g}" cy="{middle:g}" r="3.5" fill="{colour}"/>'
    weight = "n t" if role in ("pivot", "completes") else "n"
    yield marks.text(x + 24, middle + 4, event, weight, measures.name_width(event), fill=colour)
    if tag := measures.TAGS.get(role, ""):
        yield marks.text(
            x + width - measures.PAD,
            middle + 3.5,
            tag,
            "g",
            measures.note_width(tag, measures.TAG_SIZE),
            fill=colour,
        )


def _gate(box: Box, card: Card) -> Iterator[str]:
    """The bar that waits for all that come in."""
    ports = [box.y + box.into(port) for port in range(len(card.needs))]
    middle, way = box.y + box.height / 2, "undo" if card.below else "forward"
    bar = box.x + box.width + measures.GATE - 6 if card.below else box.x - measures.GATE
    start, end = (bar, box.x + box.width) if card.below else (bar + 6, box.x)
    height = ports[-1] - ports[0] + 18
    yield marks.box(bar, ports[0] - 9, 6, height, WAYS[way], WAYS[way], rounded=3)
    yield marks.line(f"M{start:g} {middle:g}L{end:g} {middle:g}", way)
    yield marks.text((start + end) / 2 - (0 if card.below else 3), middle - 6, "and", "m", 18)


def _either(box: Box, port: int) -> Iterator[str]:
    """The ring where any of some arrows will do."""
    below = box.card is not None and box.card.below
    far = measures.GATE + 9 if box.gated else 16  # before the bar, or the head of the arrow
    x = box.x + box.width + far if below else box.x - far
    yield from marks.ring(x, box.y + box.into(port), "undo" if below else "forward")


def _top_of(x: float, y: float, width: float) -> str:
    return f"M{x:g} {y + measures.TITLE:g}v-23q0 -7 7 -7h{width - 14:g}q7 0 7 7v23z"


def _legend(picture: Picture, width: float, top: float) -> tuple[list[str], float]:
    """What colours and lines mean, of those that are there; and where it ends."""
    there: set[str] = {row.role for card in picture.cards.values() for row in card.rows}
    there |= {arrow.way for arrow in picture.arrows}
    samples: dict[str, tuple[str, str]] = {
        "outcome": (_dot(GOOD), "outcome of a step"),
        "undoable": (marks.text(26, 4, "undo", "g", 0, fill=GOOD), "is undone if the saga fails"),
        "pivot": (_square(POINT, 0), "pivot: after it there is no way back"),
        "completes": (_square(GOOD, 4), "completes the saga"),
        "fails": (_dot(BAD), "fails the saga"),
        "request": (_dot(BACK), "asked for by the coordinator, and done"),
        "forward": (marks.line("M0 0L26 0", "forward"), "leads to"),
        "undo": (marks.line("M0 0L26 0", "undo"), "undo path"),
    }
    found, x, y = [], float(measures.MARGIN), top
    for key, (sample, words) in samples.items():
        if key in there:
            wide = _SAMPLE + measures.note_width(words) + 18
            if x + wide > width - measures.MARGIN and x > measures.MARGIN:
                x, y = float(measures.MARGIN), y + _LEGEND_ROW
            shown = marks.text(_SAMPLE, 4, words, "", measures.note_width(words))
            found.append(f'<g transform="translate({x:g} {y:g})">{sample}{shown}</g>')
            x += wide
    return found, y


def _dot(colour: str) -> str:
    return f'<circle cx="13" cy="0" r="3.5" fill="{colour}"/>'


def _square(colour: str, rounded: float) -> str:
    return marks.box(9, -4, 8, 8, colour, colour, rounded=rounded)
