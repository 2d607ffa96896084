"""All runs, one after the other: who is next, what was measured before, and under what load.

Each run is a line in a file as soon as it is done, so that a series that was interrupted goes on
where it was. Contestants take turns, each round the other way round.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.sidebyside import measures
from bench.sidebyside.contestants import CONTESTANTS, Contestant
from bench.sidebyside.ground import Ground, ground
from minuet.bench.measures import load
from minuet.errors import MinuetError

THROUGHPUT, LATENCY, KILLED, FLUSHED = "throughput", "latency", "killed", "flushed"
Run = dict[str, Any]
_MEASURES: dict[str, Callable[..., Run]] = {
    THROUGHPUT: measures.throughput,
    LATENCY: measures.latency,
    KILLED: measures.killed,
    FLUSHED: measures.throughput,
}


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Args:
        sagas: of a throughput run; `flushed`: of one whose messages are written to the disk.
        latency: sagas that begin one at a time.
        killed: sagas of a run in which a process is killed.
        rounds: of which the median counts; with flushed messages and one at a time there is one.
    """

    sagas: int = 4_000
    flushed: int = 500
    latency: int = 200
    killed: int = 2_000
    rounds: int = 3


@dataclass(frozen=True)
class Turn:
    """One run to be made."""

    measure: str
    contestant: Contestant
    sagas: int
    round: int

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What a run that was made before is known by."""
        return self.measure, self.contestant.name, self.sagas, self.round


def turns(size: Size, contestants: Sequence[Contestant]) -> Iterator[Turn]:
    """Every run, in its order."""
    for number in range(1, size.rounds + 1):
        order = contestants if number % 2 else contestants[::-1]
        yield from (Turn(THROUGHPUT, each, size.sagas, number) for each in order)
        yield from (Turn(KILLED, each, size.killed, number) for each in order)
        if number == 1:
            yield from (Turn(LATENCY, each, size.latency, number) for each in order)
            yield from (Turn(FLUSHED, each, size.flushed, number) for each in order)


def chosen(names: Sequence[str]) -> list[Contestant]:
    """The contestants of those names, in their own order; all of them for none."""
    return [each for each in CONTESTANTS if not names or each.name in names]


def kept(file: Path) -> list[Run]:
    """The runs that were made so far."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def key_of(run: Run) -> tuple[str, str, int, int]:
    """What a run is known by."""
    return run["measure"], run["contestant"], run["sagas"], run["round"]


def measure(
    folder: Path, size: Size, contestants: Sequence[Contestant], tell: Callable[[str], None]
) -> list[Run]:
    """Make all runs that are missing; return those of this size.

    Args:
        folder: of the runs' file, the environments and the broker.
        size: how much.
        contestants: who.
        tell: told how far it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "runs.jsonl"
    known = {key_of(run): run for run in kept(file)}
    planned = list(turns(size, contestants))
    pythons = {each.name: each.python(folder) for each in contestants}
    versions = {each.name: each.version(folder) for each in contestants}
    missing = [turn for turn in planned if turn.key not in known]
    if missing:
        with ground(folder) as there:
            for number, turn in enumerate(missing, 1):
                name = turn.contestant.name
                run = {**_run(there, turn, pythons[name]), "version": versions[name]}
                known[turn.key] = run
                with file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(run) + "\n")
                tell(f"{number}/{len(missing)} {_said(run)}")
    return [known[turn.key] for turn in planned]


def _run(there: Ground, turn: Turn, python: str) -> Run:
    """Make one run; one that fails is a result too."""
    before, began = load(), time.time()
    try:
        with there.flushed() if turn.measure == FLUSHED else nullcontext():
            field = there.field(turn.contestant, turn.measure)
            found = _MEASURES[turn.measure](field, python, turn.sagas)
    except MinuetError as error:
        found = {"sagas": turn.sagas, "failed": str(error)}
    return {
        "measure": turn.measure,
        "contestant": turn.contestant.name,
        "round": turn.round,
        **found,
        "load_before": before,
        "load_after": load(),
        "cpus": os.cpu_count(),
        "at": began,
        "took_s": time.time() - began,
    }


def _said(run: Run) -> str:
    head = f"{run['measure']} {run['contestant']} {run['round']}"
    if "failed" in run:
        return f"{head}: FAILED {run['failed']}"
    figures = {
        THROUGHPUT: "{sagas_per_s:,.0f} sagas/s, {cpu_us_per_event:.0f} us CPU an event",
        FLUSHED: "{sagas_per_s:,.0f} sagas/s",
        LATENCY: "p50 {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms",
        KILLED: "{repeated_percent:.2f} % ran again, {unfinished} unfinished",
    }[run["measure"]]
    said = figures.format(**run)
    return f"{head}: {said} ({run['took_s']:.0f} s, load {run['load_after']})"
