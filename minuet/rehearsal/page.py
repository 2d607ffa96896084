"""A what-if as one HTML page: nothing in it comes from elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from minuet.rehearsal.comparison import KINDS
from minuet.rehearsal.report import Report

_COLOURS = {
    "completed": "#15803d", "compensated": "#c2410c", "incident": "#dc2626", "stuck": "#7f1d1d",
    "running": "#475569", "unknown": "#7c3aed", "early": "#94a3b8",
}  # fmt: skip
_KIND_COLOURS = {"outcome": "#dc2626", "events": "#c2410c", "fields": "#2563eb", "time": "#64748b"}
_WIDTH, _HEIGHT, _NODE, _TOP = 760, 320, 14, 34
_LEAST = 2.0  # pixels: one saga of a million is seen
_SVG = "http://www.w3.org/2000/svg"
EXAMPLES = 8  # of each kind
_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;
max-width:860px;margin:2rem auto;padding:0 1rem;color:#1e293b;background:#fff}
h1{font-size:1.4rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;
border-bottom:1px solid #e2e8f0;vertical-align:top}td.n,th.n{text-align:right}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.9em}
pre{background:#f1f5f9;padding:.6rem;border-radius:6px;overflow-x:auto;color:#1e293b}
.faint{color:#64748b}svg{width:100%;height:auto}svg text{font-size:13px;fill:#1e293b}
details{border:1px solid #e2e8f0;border-radius:6px;padding:.4rem .8rem;margin:.4rem 0}
summary{cursor:pointer}.before{color:#b91c1c}.after{color:#15803d}
@media(prefers-color-scheme:dark){body{background:#0f172a;color:#e2e8f0}svg text{fill:#e2e8f0}
th,td,details{border-color:#334155}.before{color:#fca5a5}.after{color:#86efac}}
"""


@dataclass(frozen=True, slots=True)
class Heading:
    """What the page is about: the workflow, the other version, the stretch, and what to know."""

    workflow: str
    against: str
    stretch: str
    notes: tuple[str, ...]


def page(heading: Heading, report: Report) -> str:
    """Return the page."""
    title = f"what if: {heading.workflow} against {heading.against}"
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>What if {escape(heading.workflow)} had been {escape(heading.against)}?</h1>",
        f'<p class="faint">{escape(heading.stretch)}</p>',
        f"<p><b>{report.differing:,}</b> of {report.sagas:,} sagas would have been different; "
        f"of <b>{report.unknown:,}</b> something is not known.</p>",
        "".join(f"<p>{escape(note)}</p>" for note in heading.notes),
        "<h2>How they ended, and would have ended</h2>",
        "\n".join(_flows(report)),
        "<h2>What would have been different</h2>",
        "\n".join(_bars(report)),
        *_tables(report),
        *_examples(heading, report),
        "</body></html>",
    ]
    return "\n".join([part for part in parts if part]) + "\n"


def _flows(report: Report) -> Iterator[str]:
    """Recorded outcomes on the left, those under the candidate on the right, bands between."""
    ends = report.ends
    yield f'<svg xmlns="{_SVG}" viewBox="0 0 {_WIDTH} {_HEIGHT + _TOP}" role="img">'
    yield "<title>how sagas ended, and would have ended</title>"
    yield f'<text x="0" y="16">recorded</text><text x="{_WIDTH - 90}" y="16">candidate</text>'
    names = [name for name in _COLOURS if any(name in pair for pair in ends)]
    total = max(sum(ends.values()), 1)
    scale = (_HEIGHT - 34 * len(names)) / total
    befores, afters = Counter[str](), Counter[str]()
    for (before, after), count in ends.items():
        befores[before] += count
        afters[after] += count
    left, right = _stacked(names, befores, scale), _stacked(names, afters, scale)
    from_y = {name: place[0] for name, place in left.items()}
    to_y = {name: place[0] for name, place in right.items()}
    for before in names:
        for after in names:
            count = ends.get((before, after), 0)
            if count:
                size = max(count * scale, _LEAST)
                yield _band(from_y[before], to_y[after], size, before, after, count)
                from_y[before] += size
                to_y[after] += size
    for places, x, words in ((left, 140, 130), (right, _WIDTH - 140 - _NODE, _WIDTH - 130)):
        anchor = "end" if x == 140 else "start"
        for name, (y, height, count) in places.items():
            yield (
                f'<rect x="{x}" y="{y:.1f}" width="{_NODE}" height="{height:.1f}" rx="2" '
                f'fill="{_COLOURS[name]}"/><text x="{words}" y="{y + height / 2 + 4:.1f}" '
                f'text-anchor="{anchor}">{name} {count:,}</text>'
            )
    yield "</svg>"


def _stacked(
    names: list[str], counts: Counter[str], scale: float
) -> dict[str, tuple[float, float, int]]:
    """Where each outcome stands: its top, its height, its sagas."""
    y, found = float(_TOP), {}
    for name in names:
        if counts[name]:
            height = max(counts[name] * scale, _LEAST * 2)
            found[name] = (y, height, counts[name])
            y += height + 24
    return found


def _band(y: float, to: float, size: float, before: str, after: str, count: int) -> str:
    x, end = 140 + _NODE, _WIDTH - 140 - _NODE
    middle = (x + end) / 2
    opacity = 0.18 if before == after else 0.55
    return (
        f'<path d="M{x} {y:.1f}C{middle} {y:.1f} {middle} {to:.1f} {end} {to:.1f}'
        f"L{end} {to + size:.1f}C{middle} {to + size:.1f} {middle} {y + size:.1f} "
        f'{x} {y + size:.1f}Z" fill="{_COLOURS[after]}" opacity="{opacity}">'
        f"<title>{before} to {after}: {count:,}</title></path>"
    )


def _bars(report: Report) -> Iterator[str]:
    rows = [(kind, report.kinds[kind], _KIND_COLOURS[kind]) for kind in KINDS]
    rows.append(("unknown", report.unknown, _COLOURS["unknown"]))
    most = max((count for _, count, _ in rows), default=0) or 1
    height = 30 * len(rows)
    yield f'<svg xmlns="{_SVG}" viewBox="0 0 {_WIDTH} {height}" role="img">'
    yield "<title>what would have been different</title>"
    for number, (name, count, colour) in enumerate(rows):
        y, width = 30 * number, max(count / most * 500, _LEAST if count else 0)
        yield (
            f'<text x="0" y="{y + 19}">{name}</text><rect x="90" y="{y + 5}" '
            f'width="{width:.1f}" height="20" rx="3" fill="{colour}"/>'
            f'<text x="{98 + width:.1f}" y="{y + 19}">{count:,}</text>'
        )
    yield "</svg>"


def _tables(report: Report) -> Iterator[str]:
    changes = {f"{event}.{name}": count for (event, name), count in report.changes.items()}
    for title, counts in (
        ("Fields that would hold something else", changes),
        ("Events that would not have been said", report.gone),
        ("Events that would have been said beside", report.new),
        ("Steps of which nobody knows what they would have said", report.unknown_steps),
        ("Steps that ran on simulated resources", report.simulated),
    ):
        if counts:
            rows = sorted(counts.items(), key=lambda one: -one[1])
            yield f"<h2>{title}</h2><table>"
            for name, count in rows:
                yield f'<tr><td><code>{escape(name)}</code></td><td class="n">{count:,}</td></tr>'
            yield "</table>"


def _examples(heading: Heading, report: Report) -> Iterator[str]:
    kinds = [*KINDS, ""]
    if report.kept:
        yield "<h2>Examples</h2>"
    for kind in kinds:
        found = [saga for saga in report.kept if saga["kind"] == kind][:EXAMPLES]
        for saga in found:
            yield from _example(heading, saga)


def _example(heading: Heading, saga: dict[str, Any]) -> Iterator[str]:
    went = f"{saga['before']} → {saga['after']}"
    kind = saga["kind"] or "unknown"
    yield (
        f"<details><summary><code>{escape(saga['saga'])}</code> {kind}: {escape(went)}</summary>"
    )
    for one in saga["changes"]:
        yield (
            f"<p><code>{escape(one['event'])}.{escape(one['field'])}</code>: "
            f'<span class="before">{escape(str(one["before"]))}</span> → '
            f'<span class="after">{escape(str(one["after"]))}</span></p>'
        )
    for title, names in (("not said", saga["gone"]), ("said beside", saga["new"])):
        if names:
            yield f"<p>{title}: {escape(', '.join(names))}</p>"
    for step, why in saga["unknown"].items():
        yield f"<p>not known: <code>{escape(step)}</code>: {escape(why)}</p>"
    command = f"minuet saga history {heading.workflow} {saga['saga']}"
    yield f"<pre>{escape(command)}</pre></details>"
