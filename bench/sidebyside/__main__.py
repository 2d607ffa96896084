"""Run the reference saga side by side, and write down what came of it.

Every run is kept in .minuet/sidebyside/runs.jsonl: the same command goes on where it was
interrupted, and prints what is known when nothing is missing; --again forgets it first.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench.sidebyside import picture, report, series
from bench.sidebyside.contestants import NAMES
from bench.sidebyside.ground import machine

FOLDER = Path(".minuet") / "sidebyside"


def main() -> None:
    """Measure, print, and write the page."""
    wish = _wish()
    folder = FOLDER.resolve()
    if wish.again:
        (folder / "runs.jsonl").unlink(missing_ok=True)
    size = series.Size(wish.sagas, wish.flushed, wish.one_by_one, wish.killed, wish.rounds)
    contestants = series.chosen(wish.only)
    for each in (each for each in contestants if not each.is_there):
        _tell(f"{each.name} is left out: {each.needs} is not installed here")
    runs = series.measure(folder, size, [each for each in contestants if each.is_there], _tell)
    command = " ".join(["python -m bench.sidebyside", *_typed(sys.argv[1:])])
    found = report.figures(runs)
    if wish.report:
        _write(wish.report, runs, command)
    if wish.json:
        sys.stdout.write(json.dumps({"figures": found, "runs": runs}, indent=2) + "\n")
    elif not wish.report:
        sys.stdout.write(report.section(runs, command, machine()))
    ours = ("minuet", "minuet-faust")
    wrong = sum(bool(run.get("wrong")) for run in runs if run["contestant"] in ours)
    sys.exit(1 if wrong or any("failed" in run for run in runs) else 0)


def _wish() -> argparse.Namespace:
    usual = series.Size()
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.sidebyside")
    parser.add_argument("--sagas", type=int, default=usual.sagas, help="of a throughput run")
    parser.add_argument("--flushed", type=int, default=usual.flushed, help="with flush.messages=1")
    parser.add_argument("--one-by-one", type=int, default=usual.latency, help="for the latency")
    parser.add_argument("--killed", type=int, default=usual.killed, help="when one is killed")
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="the median counts")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=[], help="not all of them")
    parser.add_argument("--again", action="store_true", help="forget the runs made before")
    parser.add_argument("--json", action="store_true", help="every run, and the medians")
    parser.add_argument(
        "--report", type=Path, metavar="PAGE", help="write table and picture into this page"
    )
    return parser.parse_args()


def _typed(arguments: list[str]) -> list[str]:
    """What was typed, without where the result goes."""
    return [each for each in arguments if each not in ("--json", "--again")]


def _write(page: Path, runs: list[series.Run], command: str) -> None:
    text = report.section(runs, command, machine())
    page.write_text(report.written_into(page.read_text(encoding="utf-8"), text), encoding="utf-8")
    least, most = report.loads(runs)
    note = f"{machine()}, one broker, load {least:.1f} to {most:.1f}"
    note += ": a busy machine, so that rates and times say little" * report.is_busy(runs)
    picture_file = page.with_suffix(".svg")
    picture_file.write_text(picture.svg(report.figures(runs), note), encoding="utf-8")
    _tell(f"written: {page} and {picture_file}")


def _tell(said: str) -> None:
    sys.stderr.write(f"{said}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
