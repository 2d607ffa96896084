"""The marks that a drawing is made of: no scripts, fonts or anything else from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import hypot
from xml.sax.saxutils import escape, quoteattr

from minuet.description.measures import (
    MARGIN,
    NAME_SIZE,
    NOTE_SIZE,
    TAG_SIZE,
    name_width,
    note_width,
)

Point = tuple[float, float]

INK, FAINT, PAPER, RULE = "#1e293b", "#64748b", "#ffffff", "#e2e8f0"
GOOD, BAD, BACK, POINT = "#15803d", "#dc2626", "#c2410c", "#7c3aed"
WAYS = {"forward": "#475569", "fails": BAD, "undo": BACK}
_ROUND = 7
_SANS = (
    "ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif"
)
_MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_STYLE = (
    f"text{{font-family:{_SANS};font-size:{NOTE_SIZE}px;fill:{FAINT}}}"
    f".n{{font-family:{_MONO};font-size:{NAME_SIZE}px;fill:{INK}}}"
    f".t{{font-weight:600}}.g{{font-size:{TAG_SIZE}px;text-anchor:end}}.m{{text-anchor:middle}}"
    ".a{fill:none;stroke-width:1.6}.h{fill:none;stroke:#fff;stroke-width:5}"
)


def document(name: str, about: str, width: float, height: float, body: Iterable[str]) -> str:
    """An SVG document with its heading."""
    title = f"workflow {name}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:g}" '
            f'height="{height:g}" viewBox="0 0 {width:g} {height:g}">',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(about)}</desc>",
            f"<style>{_STYLE}</style>",
            *heads(),
            f'<rect width="{width:g}" height="{height:g}" rx="10" fill="{PAPER}"/>',
            text(MARGIN, 36, name, "n t", name_width(name) * 1.5, size=NAME_SIZE * 1.5),
            text(MARGIN, 57, about, "", note_width(about, 13), size=13),
            *body,
            "</svg>",
            "",
        ]
    )


def text(  # noqa: PLR0913  (where, what, and how it looks)
    x: float, y: float, words: str, kind: str, most: float, *, size: float = 0, fill: str = ""
) -> str:
    """A text whose width is said, so that no font makes it longer."""
    styles = [f"font-size:{size:g}px"] * bool(size) + [f"fill:{fill}"] * bool(fill)
    style = f' style="{";".join(styles)}"' if styles else ""
    fitted = f' textLength="{most:.1f}" lengthAdjust="spacingAndGlyphs"' if "n" in kind else ""
    return (
        f'<text x="{x:g}" y="{y:g}" class={quoteattr(kind)}{fitted}{style}>{escape(words)}</text>'
    )


def heads() -> Iterator[str]:
    """The heads of arrows, one for each colour."""
    for way, colour in WAYS.items():
        yield (
            f'<marker id="to-{way}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
            f'markerHeight="7" orient="auto-start-reverse">'
            f'<path d="M0 1L10 5L0 9z" fill="{colour}"/></marker>'
        )


def line(along: str, way: str, *, ends: bool = True) -> str:
    """An arrow; those of failures, which run together to one head, are drawn from there.

    So the dashes of arrows that share a part of their way fall together.
    """
    dashed = "" if way == "forward" else ' stroke-dasharray="6 4"'
    side = "start" if way == "fails" else "end"
    head = f' marker-{side}="url(#to-{way})"' if ends else ""
    return f'<path class="a" d="{along}" stroke="{WAYS[way]}"{dashed}{head}/>'


def path(points: Sequence[Point]) -> str:
    """A line with round corners through these points."""
    corners = [points[0]]
    corners += [p for p, after in pairwise(points[1:]) if p != after]
    corners.append(points[-1])
    parts = [f"M{corners[0][0]:g} {corners[0][1]:g}"]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        (x0, y0), (x, y), (x1, y1) = before, corner, after
        first, second = hypot(x - x0, y - y0), hypot(x1 - x, y1 - y)
        turn = min(_ROUND, first / 2, second / 2)
        if turn:
            from_x, from_y = x - (x - x0) * turn / first, y - (y - y0) * turn / first
            to_x, to_y = x + (x1 - x) * turn / second, y + (y1 - y) * turn / second
            parts.append(f"L{from_x:g} {from_y:g}Q{x:g} {y:g} {to_x:g} {to_y:g}")
    parts.append(f"L{corners[-1][0]:g} {corners[-1][1]:g}")
    return "".join(parts)


def ring(x: float, y: float, way: str) -> Iterator[str]:
    """Where any of some arrows will do."""
    yield f'<circle cx="{x:g}" cy="{y:g}" r="8" fill="{PAPER}" stroke="{WAYS[way]}"/>'
    yield text(x, y + 3, "or", "m", 10, size=9, fill=INK)


def box(  # noqa: PLR0913  (a rectangle has four numbers and two colours)
    x: float, y: float, width: float, height: float, fill: str, stroke: str, more: str = "",
    rounded: float = 7,
) -> str:  # fmt: skip
    """A rectangle with round corners."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{rounded:g}" '
        f'fill="{fill}" stroke="{stroke}"{more}/>'
    )


def clock(x: float, y: float, colour: str) -> str:
    """What a deadline has beside its title."""
    return (
        f'<g fill="{PAPER}" stroke="{colour}" stroke-width="1.5"><circle cx="{x:g}" cy="{y:g}" '
        f'r="7"/><path d="M{x:g} {y - 4:g}v4l3 2"/></g>'
    )
