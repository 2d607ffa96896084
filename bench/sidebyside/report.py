"""What the runs came to: medians, and the table of them as a page has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any, NamedTuple

from bench.sidebyside.contestants import CONTESTANTS
from bench.sidebyside.series import FLUSHED, KILLED, LATENCY, THROUGHPUT, Run

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


class Column(NamedTuple):
    """A figure: of which measure, under which key, its heading, and how it is written."""

    measure: str
    key: str
    heading: str
    form: str


COLUMNS = (
    Column(THROUGHPUT, "sagas_per_s", "sagas/s", "{:,.0f}"),
    Column(THROUGHPUT, "cpu_us_per_event", "CPU for an event, µs", "{:,.0f}"),
    Column(THROUGHPUT, "peak_rss_mb", "memory, MB", "{:,.0f}"),
    Column(LATENCY, "p50_ms", "one at a time, p50 ms", "{:,.1f}"),
    Column(LATENCY, "p99_ms", "p99 ms", "{:,.1f}"),
    Column(FLUSHED, "sagas_per_s", "flushed, sagas/s", "{:,.0f}"),
)
KILL_COLUMNS = (
    Column(KILLED, "repeated_percent", "handlers run again, %", "{:,.2f}"),
    Column(KILLED, "sagas_repeated", "sagas with such a run", "{:,.0f}"),
    Column(KILLED, "records_again", "events twice on the log", "{:,.0f}"),
    Column(KILLED, "sagas_missing", "sagas with a step that never ran", "{:,.0f}"),
    Column(KILLED, "records_missing", "events lost", "{:,.0f}"),
    Column(KILLED, "unfinished", "sagas unfinished", "{:,.0f}"),
    Column(KILLED, "wrong_end", "wrong end", "{:,.0f}"),
    Column(KILLED, "pause_s", "s until work goes on", "{:,.1f}"),
)
_SUMMED = {"sagas_missing", "records_missing", "unfinished", "wrong_end"}


def figures(runs: Iterable[Run]) -> dict[str, dict[str, Any]]:
    """Each contestant's figures, as `MEASURE.KEY`: of several rounds the median.

    What may never be is not a median: those counts are of all rounds together.
    """
    found: dict[str, dict[str, list[Any]]] = {}
    failed: dict[str, int] = {}
    for run in runs:
        name = run["contestant"]
        mine = found.setdefault(name, {})
        if "failed" in run:
            failed[name] = failed.get(name, 0) + 1
            continue
        for column in (*COLUMNS, *KILL_COLUMNS):
            if column.measure == run["measure"] and run.get(column.key) is not None:
                mine.setdefault(f"{column.measure}.{column.key}", []).append(run[column.key])
    return {
        name: {
            **{key: _one(key, values) for key, values in mine.items()},
            "failed": failed.get(name, 0),
        }
        for name, mine in found.items()
    }


def rates(runs: Iterable[Run], measure: str = THROUGHPUT) -> dict[str, list[float]]:
    """Every rate that was measured, not the median alone."""
    found: dict[str, list[float]] = {}
    for run in runs:
        if run["measure"] == measure and "failed" not in run:
            found.setdefault(run["contestant"], []).append(run["sagas_per_s"])
    return found


def section(runs: Sequence[Run], command: str, machine: str) -> str:
    """The part of the page that is measured."""
    found = figures(runs)
    lines = [
        *_circumstances(runs, command, machine),
        "",
        *_table(found, COLUMNS, runs),
        "",
        "Each throughput run: "
        + "; ".join(
            f"{_title(name)} {', '.join(f'{rate:,.0f}' for rate in all_rates)}"
            for name, all_rates in rates(runs).items()
        )
        + ".",
        "",
        *_beside(found),
        *_table(found, KILL_COLUMNS, runs),
        "",
        *_failures(runs),
    ]
    return "\n".join(lines).rstrip() + "\n"


def written_into(page: str, text: str) -> str:
    """The page with the text between its two marks.

    Raises:
        ValueError: it has no such marks.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        message = f"the page has no {BEGIN} and {END}"
        raise ValueError(message)
    return f"{head}{BEGIN}\n\n{text}\n{END}{tail}"


def _one(key: str, values: Sequence[float]) -> float:
    return sum(values) if key.rpartition(".")[2] in _SUMMED else median(values)


def is_busy(runs: Sequence[Run]) -> bool:
    """Whether so much else ran beside half of them that no time says anything."""
    usual: float = median(run["load_after"] for run in runs)
    return usual > 2 * (runs[0]["cpus"] or 1)


def loads(runs: Sequence[Run]) -> tuple[float, float]:
    """The least and the most load average that there was."""
    found = [load for run in runs for load in (run["load_before"], run["load_after"])]
    return min(found), max(found)


def _circumstances(runs: Sequence[Run], command: str, machine: str) -> Iterator[str]:
    first, last = min(run["at"] for run in runs), max(run["at"] for run in runs)
    day = datetime.fromtimestamp(first, tz=UTC).strftime("%Y-%m-%d")
    least, most = loads(runs)
    sizes = {run["measure"]: run["sagas"] for run in runs}
    rounds = max(run["round"] for run in runs)
    said = ", ".join(f"{what} {count:,}" for what, count in sizes.items())
    yield f"`{command}`, {day}, {machine}, {(last - first) / 60:.0f} minutes."
    yield f"Sagas of a run: {said}; {rounds} round{'s' * (rounds > 1)} of throughput and kills."
    yield f"Load average while it ran: {least:.1f} to {most:.1f}."
    if is_busy(runs):
        yield ""
        yield (
            "**This machine was busy with other work: times and rates say little here; "
            "counts and the order of CPU time do.**"
        )


def _table(
    found: dict[str, dict[str, Any]], columns: Sequence[Column], runs: Sequence[Run]
) -> Iterator[str]:
    shown = [column for column in columns if any(_key(column) in mine for mine in found.values())]
    if not shown:
        return
    versions = {run["contestant"]: run["version"] for run in runs}
    yield "| | " + " | ".join(column.heading for column in shown) + " |"
    yield "| --- |" + " ---: |" * len(shown)
    for each in CONTESTANTS:
        if each.name in found:
            mine = found[each.name]
            cells = [
                column.form.format(mine[_key(column)]) if _key(column) in mine else "failed"
                for column in shown
            ]
            library = f"{each.title} ({each.library} {versions[each.name]})"
            yield f"| {library} | " + " | ".join(cells) + " |"


def _beside(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What Minuet adds to an app of Faust, where both were run."""
    key = "throughput.sagas_per_s"
    ours, theirs = (found.get(name, {}).get(key) for name in ("minuet-faust", "faust"))
    if ours and theirs:
        yield (
            f"Minuet on Faust does {ours / theirs:.2f} times the sagas a second of the app that "
            "was written for Faust by hand."
        )
        yield ""


def _failures(runs: Sequence[Run]) -> Iterator[str]:
    for run in runs:
        if "failed" in run:
            why = run["failed"].strip().splitlines()
            last = why[-1] if why else ""
            yield (
                f"- {_title(run['contestant'])}, {run['measure']}, round {run['round']}, "
                f"failed: {last}"
            )


def _key(column: Column) -> str:
    return f"{column.measure}.{column.key}"


def _title(name: str) -> str:
    return next(each.title for each in CONTESTANTS if each.name == name)
