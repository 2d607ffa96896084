"""How large cards are, in pixels: names stand in a font of one width, all else is measured wide.

No font is asked, since none is the same everywhere: the widths are those of wide ones, and every
text says its own, so that a reader with a wider font gets it narrower instead of over the edge.
"""

from __future__ import annotations

import unicodedata

from minuet.description.parts import Card

NAME_SIZE, NOTE_SIZE, TAG_SIZE = 12.5, 11, 10
TITLE, NOTE, ROW, PAD = 30, 16, 25, 10
CARD_GAP, LANE_GAP, LANE_TOP = 22, 24, 54
MARGIN, SIDE, TRACK, TURN = 24, 16, 9, 8
GATE, PORT = 36, 22

TAGS = {
    "undoable": "undo", "pivot": "pivot", "completes": "completes", "fails": "fails",
    "request": "asked for",
}  # fmt: skip

_NAME_EM, _NOTE_EM = 0.61, 0.56
_LEFT, _BETWEEN = 24, 14  # of a row: to its name, and from there to its tag


def name_width(text: str) -> float:
    """The width of a name."""
    return _cells(text) * _NAME_EM * NAME_SIZE


def note_width(text: str, size: float = NOTE_SIZE) -> float:
    """The width of other words."""
    return _cells(text) * _NOTE_EM * size


def width_of(card: Card) -> float:
    """The width that all of a card's texts need."""
    texts = [name_width(card.title) * 1.04 + (22 if card.kind == "clock" else 0)]
    texts += [note_width(note) for note in card.notes]
    for row in card.rows:
        tag = TAGS.get(row.role, "")
        more = _BETWEEN + note_width(tag, TAG_SIZE) if tag else 0
        texts.append(_LEFT - PAD + name_width(row.event) + more)
    return round(max(texts) + 2 * PAD)


def height_of(card: Card) -> float:
    """The height of a card with all its rows."""
    inner = TITLE + NOTE * len(card.notes) + ROW * len(card.rows)
    inner += 6 if card.notes else 0
    return float(max(inner, len(card.needs) * PORT if len(card.needs) > 1 else 0))


def row_middle(card: Card, row: int) -> float:
    """The height of a row's middle below the card's top; -1 is the title."""
    if row < 0:
        return TITLE / 2
    return TITLE + (NOTE * len(card.notes) + 6 if card.notes else 0) + ROW * (row + 0.5)


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
