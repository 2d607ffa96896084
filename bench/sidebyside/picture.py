"""The figures as a picture: bars, side by side, in one SVG without a script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

from bench.sidebyside.contestants import CONTESTANTS

_WIDTH, _LEFT, _RIGHT = 760, 200, 90
_BAR, _GAP, _HEAD, _MARGIN = 18, 6, 46, 24
_INK, _MUTED, _OURS, _OTHERS, _PAPER = "#0f172a", "#475569", "#0369a1", "#94a3b8", "#ffffff"
_STYLE = (
    f"text{{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;fill:{_INK}}}"
    f".h{{font-size:14px;font-weight:600}}.m{{fill:{_MUTED}}}.r{{text-anchor:end}}"
)


class Panel(NamedTuple):
    """A group of bars: which figure, what it is called, and how it is written."""

    key: str
    title: str
    form: str


PANELS = (
    Panel(
        "throughput.sagas_per_s", "Sagas a second, all begun up front: more is better", "{:,.0f}"
    ),
    Panel("latency.p50_ms", "One at a time, median, ms: less is better", "{:,.1f}"),
    Panel("throughput.cpu_us_per_event", "CPU time for an event, µs: less is better", "{:,.0f}"),
    Panel(
        "killed.repeated_percent", "Handlers run again after a kill, %: less is better", "{:,.2f}"
    ),
    Panel("flushed.sagas_per_s", "Sagas a second, each message flushed: more is better", "{:,.0f}"),
)


def svg(found: dict[str, dict[str, Any]], note: str) -> str:
    """The picture of those figures; `note` stands below."""
    shown = [panel for panel in PANELS if any(panel.key in mine for mine in found.values())]
    body: list[str] = []
    y = _MARGIN
    for panel in shown:
        values = [
            (each.title, mine[panel.key], each.enveloped)
            for each in CONTESTANTS
            if panel.key in (mine := found.get(each.name, {}))
        ]
        body += _panel(panel, values, y)
        y += _HEAD + len(values) * (_BAR + _GAP)
    body.append(_text(_MARGIN, y + 22, note, "m"))
    height = y + 22 + _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}" role="img">',
            f"<style>{_STYLE}</style>",
            f"<title>The reference saga side by side. {escape(note)}</title>",
            f'<rect width="{_WIDTH}" height="{height}" fill="{_PAPER}"/>',
            *body,
            "</svg>\n",
        ]
    )


def _panel(panel: Panel, values: Sequence[tuple[str, float, bool]], top: int) -> Iterator[str]:
    yield _text(_MARGIN, top + 24, panel.title, "h")
    most = max((value for _, value, _ in values), default=0) or 1
    room = _WIDTH - _LEFT - _RIGHT
    y = top + _HEAD - 10
    for title, value, ours in values:
        width = max(room * value / most, 1)
        middle = y + _BAR - 5
        yield _text(_LEFT - 10, middle, title, "r")
        colour = _OURS if ours else _OTHERS
        yield (
            f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2" '
            f'fill="{colour}"/>'
        )
        yield _text(_LEFT + width + 6, middle, panel.form.format(value))
        y += _BAR + _GAP


def _text(x: float, y: float, said: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}>{escape(said)}</text>'
