"""Prints what runs of `minuet chaos --json` came to, as rows of a table in Markdown.

    python -m bench.chaos_rows RUN.json...

A run that has broken a promise has no row: it is told, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

HEAD = (
    "| faults | n, missed | in flight, least | silence p50 | p95 | worst | sagas "
    "| effects, asked again | load |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="bench.chaos_rows", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="RUN.json")
    print(HEAD)  # noqa: T201
    broken = 0
    for file in parser.parse_args(arguments).files:
        run = json.loads(file.read_text(encoding="utf-8"))
        if run["ok"]:
            print("\n".join(rows(run)))  # noqa: T201
        else:
            broken += 1
            print(f"{file}: {run['violated']} promises broken, seed {run['seed']}")  # noqa: T201
    return 1 if broken else 0


def rows(run: Mapping[str, Any]) -> Iterator[str]:
    """Yield a row for each kind of fault; what is of the whole run stands in the first."""
    of_the_run = [
        f"{run['sagas']:,}",
        f"{run['effects']:,}, {run['asked_again']:,}",
        ", ".join(f"{load:.1f}" for load in run["load"]),
    ]
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for fault in run["each_fault"]:
        kinds.setdefault(fault["kind"].split()[0], []).append(fault)
    for kind, faults in sorted(kinds.items()):
        yield f"| {' | '.join([_name(kind, faults), *_figures(run, faults), *of_the_run])} |"
        of_the_run = [""] * len(of_the_run)


def _name(kind: str, faults: Sequence[Mapping[str, Any]]) -> str:
    """The kind; of places, of which each is counted, how often the least of them."""
    places = [fault["kind"] for fault in faults]
    if kind == places[0]:
        return f"`{kind}`"
    least = min(places.count(place) for place in set(places))
    return f"`{kind}`, {len(set(places))} places, each {least} times at least"


def _figures(run: Mapping[str, Any], faults: Sequence[Mapping[str, Any]]) -> list[str]:
    flying = [fault["in_flight"] for fault in faults]
    missed = sum(count < run["hit_least"] for count in flying)
    silences = sorted(fault["silence_s"] for fault in faults)
    shares = (silences[ceil(len(silences) * share) - 1] for share in (0.5, 0.95, 1))
    return [f"{len(faults):,}, {missed}", f"{min(flying):,}", *(f"{s:.1f} s" for s in shares)]


if __name__ == "__main__":
    raise SystemExit(main())
