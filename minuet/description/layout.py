"""Where the cards of a picture stand and how its arrows run: layers, as Sugiyama's method has them.

A column's cards are ordered by the mean of their neighbours, the best of some sweeps is kept, and
they are moved to where their arrows are straightest. Arrows run level through columns, in places of
their own, and turn between columns only: none runs through a card. The undo path is laid out alike,
mirrored. All lengths are in pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from minuet.description import measures
from minuet.description.parts import Arrow, Card, Picture

Point = tuple[float, float]
_SWEEPS = 12


@dataclass(eq=False)
class Box:
    """A place in a column: of a card, or of an arrow that passes (then `card` is None)."""

    column: int
    card: Card | None = None
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0

    @property
    def gated(self) -> bool:
        """Whether more than one arrow has to come in."""
        return self.card is not None and len(self.card.needs) > 1

    def out(self, row: int) -> float:
        """The height, below its top, where arrows leave a row."""
        if self.card is None:
            return self.height / 2
        return measures.row_middle(
            self.card, -1 if self.card.kind == "undo" else row
        )  # undos in one line

    def into(self, port: int) -> float:
        """The height, below its top, where arrows come in."""
        if self.card is None:
            return self.height / 2
        if not self.gated:
            straight = bool(self.card.rows) and not self.card.below
            return measures.row_middle(self.card, 0 if straight else -1)
        return self.height / 2 + (port - (len(self.card.needs) - 1) / 2) * measures.PORT


@dataclass(frozen=True)
class Link:
    """A part of an arrow, from one column to the next."""

    source: Box
    row: int
    target: Box
    port: int

    @property
    def ends(self) -> tuple[float, float]:
        """The heights of both ends."""
        start, end = self.source.out(self.row), self.target.into(self.port)
        return self.source.y + start, self.target.y + end


def _start(link: Link) -> float:
    return link.ends[0]


@dataclass
class Lane:
    """One direction of a picture; columns are counted along its arrows."""

    columns: dict[int, list[Box]] = field(default_factory=lambda: defaultdict(list))
    boxes: dict[str, Box] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    arrows: dict[Arrow, list[Link]] = field(default_factory=dict)

    def tracks(self) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Of each gap between columns, the sources whose arrows turn there, in order."""
        turning: dict[int, dict[tuple[int, int], Link]] = defaultdict(dict)
        for link in self.links:
            start, end = link.ends
            if abs(start - end) > 1:
                turning[link.source.column][id(link.source), link.row] = link
        for gap, links in turning.items():
            ups = sorted((k for k in links.values() if k.ends[1] < k.ends[0]), key=_start)
            downs = sorted((k for k in links.values() if k.ends[1] >= k.ends[0]), key=_start)
            yield gap, [(id(link.source), link.row) for link in (*ups, *reversed(downs))]


@dataclass(frozen=True)
class Layout:
    """A picture with all places.

    Args:
        boxes: by the key of the card.
        lines: of each arrow, its corners; the first is at the row, the last at the card.
        width, height: of the whole.
    """

    picture: Picture
    boxes: dict[str, Box]
    lines: dict[Arrow, list[Point]]
    width: float
    height: float


def arrange(picture: Picture, top: float) -> Layout:
    """Give each card and each arrow its place, below `top`."""
    last = max((card.column for card in picture.cards.values()), default=0)
    above, below = _lane(picture, last, below=False), _lane(picture, last, below=True)
    for lane in (above, below):
        _order(lane)
        _settle(lane)
    height = _shift(above, top)
    bus = height + measures.LANE_GAP
    if below.boxes:
        height = _shift(below, height + (measures.LANE_TOP if above.boxes else 0))
    failing = {box.column for box in above.boxes.values() if _fails(box.card)}
    gaps, width = _place_columns(above, below, last, failing)
    lines = _lines(above, gaps, mirrored=None) | _lines(below, gaps, mirrored=last)
    boxes = above.boxes | below.boxes
    for arrow in picture.arrows:
        if arrow.way == "fails" and arrow.target in boxes:
            source, target = boxes[arrow.source], boxes[arrow.target]
            start = source.y + source.out(arrow.row)
            x, middle = gaps[source.column][_FAILS], target.x + target.width / 2
            end = source.x + source.width
            lines[arrow] = [(end, start), (x, start), (x, bus), (middle, bus), (middle, target.y)]
    return Layout(picture, boxes, lines, width, height)


def _fails(card: Card | None) -> bool:
    return card is not None and any(row.role == "fails" for row in card.rows)


def _lane(picture: Picture, last: int, *, below: bool) -> Lane:
    lane = Lane()
    for key, card in picture.cards.items():
        if card.below is below:
            column = last - card.column if below else card.column
            box = Box(column, card, width=measures.width_of(card), height=measures.height_of(card))
            lane.boxes[key] = box
            lane.columns[column].append(box)
    passing: dict[tuple[str, int, int], Box] = {}
    for arrow in picture.arrows:
        if arrow.way == "fails" or arrow.source not in lane.boxes or arrow.target not in lane.boxes:
            continue
        at, row, target = lane.boxes[arrow.source], arrow.row, lane.boxes[arrow.target]
        lane.arrows[arrow] = []
        for column in range(at.column + 1, target.column + 1):
            to, port, place = target, arrow.port, (arrow.source, arrow.row, column)
            if column < target.column:
                if place not in passing:
                    passing[place] = Box(column, height=measures.TURN)
                    lane.columns[column].append(passing[place])
                to, port = passing[place], 0
            link = Link(at, row, to, port)
            lane.arrows[arrow].append(link)
            if link not in lane.links:
                lane.links.append(link)
            at, row = to, 0
    return lane


# -- up and down ------------------------------------------------------------------------------


def _order(lane: Lane) -> None:
    """Order each column by the mean of its neighbours, and keep the order that crosses least."""
    best: tuple[int, dict[int, list[Box]]] | None = None
    for sweep in range(_SWEEPS):
        for boxes in lane.columns.values():
            _stack(boxes)
        crossings = _crossings(lane)
        if best is None or crossings < best[0]:
            best = crossings, {column: list(boxes) for column, boxes in lane.columns.items()}
        for column in sorted(lane.columns, reverse=bool(sweep % 2)):
            wanted = {id(b): _wanted(lane, b, 1 if sweep % 2 else -1) for b in lane.columns[column]}
            lane.columns[column].sort(key=lambda box: wanted[id(box)])
            _stack(lane.columns[column])
    lane.columns = best[1] if best else lane.columns


def _stack(boxes: Iterable[Box]) -> None:
    y = 0.0
    for box in boxes:
        box.y, y = y, y + box.height + measures.CARD_GAP


def _crossings(lane: Lane) -> int:
    by_gap: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for link in lane.links:
        by_gap[link.source.column].append(link.ends)
    return sum(
        (a[0] - b[0]) * (a[1] - b[1]) < 0
        for ends in by_gap.values()
        for n, a in enumerate(ends)
        for b in ends[:n]
    )


def _wanted(lane: Lane, box: Box, side: int) -> float:
    """Where its arrows would be straight: those before it (-1), behind it (1) or all (0)."""
    wanted = [box.y + a - b for a, b in (k.ends for k in lane.links if k.target is box)]
    behind = [box.y + b - a for a, b in (k.ends for k in lane.links if k.source is box)]
    found = wanted if side < 0 else behind if side > 0 else wanted + behind
    return sum(found) / len(found) if found else box.y


def _settle(lane: Lane) -> None:
    for boxes in lane.columns.values():
        _stack(boxes)
    for side in (*(-1, 1) * (_SWEEPS // 2), 0, -1):
        for column in sorted(lane.columns, reverse=side > 0):
            boxes = lane.columns[column]
            for box, y in zip(
                boxes, _apart(boxes, [_wanted(lane, b, side) for b in boxes]), strict=True
            ):
                box.y = y


def _apart(boxes: Sequence[Box], wanted: Sequence[float]) -> list[float]:
    """The places nearest to the wanted ones, in order and apart: pool adjacent violators."""
    offsets = [0.0]
    for box in boxes[:-1]:
        offsets.append(offsets[-1] + box.height + measures.CARD_GAP)
    pools: list[list[float]] = []
    for place, offset in zip(wanted, offsets, strict=True):
        pools.append([place - offset])
        while len(pools) > 1 and _mean(pools[-2]) > _mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    level = [_mean(pool) for pool in pools for _ in pool]
    return [round(a + b, 1) for a, b in zip(level, offsets, strict=True)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _shift(lane: Lane, top: float) -> float:
    """Move a lane so that it begins at `top`; return where it ends."""
    boxes = [box for column in lane.columns.values() for box in column]
    up = min((box.y for box in boxes), default=0.0) - top
    for box in boxes:
        box.y -= up
    return max((box.y + box.height for box in boxes), default=top)


# -- from left to right -----------------------------------------------------------------------

_FAILS = (0, -1)  # of a gap: where the arrows of fail events run down

Gaps = dict[int, dict[tuple[int, int], float]]


def _place_columns(above: Lane, below: Lane, last: int, failing: set[int]) -> tuple[Gaps, float]:
    """Give the boxes their x; return that of each turn between columns, and the whole width."""
    turns: dict[int, list[tuple[int, int]]] = {gap: list(keys) for gap, keys in above.tracks()}
    back = {last - gap - 1: list(keys) for gap, keys in below.tracks()}
    gaps: Gaps = {}
    x = float(measures.MARGIN)
    for column in range(last + 1):
        ahead, behind = above.columns.get(column, []), below.columns.get(last - column, [])
        boxes = [*ahead, *behind]
        width = max((box.width for box in boxes), default=0)
        gate = measures.GATE if any(box.gated for box in boxes) else 0
        for box in boxes:
            box.x, box.width = x, width + gate
            if box.card is not None:
                box.x, box.width = x + (gate if box in ahead else 0), width
        x += width + gate
        there = [_FAILS] * (column in failing) + turns.get(column, [])
        tracks = max(len(there), len(back.get(column, [])))
        if column < last or tracks:
            places = [x + measures.SIDE + measures.TRACK * n for n in range(tracks)]
            gaps[column] = dict(zip(there, places, strict=False))
            gaps[column] |= dict(zip(back.get(column, []), reversed(places), strict=False))
            x += 2 * measures.SIDE + measures.TRACK * max(0, tracks - 1)
    return gaps, x + measures.MARGIN


def _lines(lane: Lane, gaps: Gaps, mirrored: int | None) -> dict[Arrow, list[Point]]:
    """The corners of the arrows of a lane; `mirrored` is the last column of one that runs left."""
    found: dict[Arrow, list[Point]] = {}
    for arrow, links in lane.arrows.items():
        points: list[Point] = []
        for link in links:
            (start, end), source, target = link.ends, link.source, link.target
            gap = source.column if mirrored is None else mirrored - source.column - 1
            gate = measures.GATE if target.gated else 0
            if mirrored is None:
                leave, enter = source.x + source.width, target.x - gate
            else:
                leave, enter = source.x, target.x + target.width + gate
            turn = gaps[gap].get((id(source), link.row), (leave + enter) / 2)
            points += [(leave, start), (turn, start), (turn, end), (enter, end)]
        found[arrow] = points
    return found
