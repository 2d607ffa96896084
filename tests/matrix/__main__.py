"""`make matrix`: the contract suite and orders from end to end, on every combination.

It goes on where it was ended: what a cell came to is in `results.json`, with a digest of what ran;
the table in docs/guide/matrix.md is written after each cell. Logs are in `.minuet/matrix`.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from tests.matrix import cells
from tests.matrix.cells import Cell, Result
from tests.matrix.environments import ROOT
from tests.matrix.run import digest, run

FOLDER = ROOT / ".minuet" / "matrix"
RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs" / "guide" / "matrix.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
EXIT_INTERRUPTED = 130


def main() -> int:
    """Run the cells that are left; 1 when one failed."""
    typed = _typed()
    for each in (signal.SIGINT, signal.SIGTERM):  # also where a shell started this beside it
        signal.signal(each, signal.default_int_handler)
    try:
        wanted = cells.chosen(typed.only)
    except ValueError as error:
        sys.stderr.write(f"matrix: {error}\n")
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    results, sources = _known(), digest()
    try:
        for number, cell in enumerate(wanted, 1):
            before = results.get(cell.name)
            done = before is not None and before.state == "passed" and before.sources == sources
            if done and not typed.again:
                _say(f"{number} of {len(wanted)}: {cell.name}: done before")
                continue
            _run(cell, f"{number} of {len(wanted)}", typed.processes, results)
    except KeyboardInterrupt:
        _say("ended; the next `make matrix` goes on")
        return EXIT_INTERRUPTED
    told = {cell.name: results[cell.name] for cell in wanted if cell.name in results}
    if typed.json:
        sys.stdout.write(json.dumps({n: r.written() for n, r in told.items()}, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(cells.rows(results)) + "\n")
    return int(any(each.state == "failed" for each in told.values()))


def _run(cell: Cell, place: str, processes: int, results: dict[str, Result]) -> None:
    _say(f"{place}: {cell.name}")
    found = run(cell, FOLDER, processes, lambda told: _say(f"{place}: {cell.name} {told}"))
    results[cell.name] = found
    counts = f"{found.passed} passed, {found.failed} failed, {found.skipped} skipped"
    told = f"{found.state} {found.why}" if found.why else f"{found.state}, {counts}"
    _say(f"{place}: {cell.name}: {told}, {found.seconds} s")
    new = FOLDER / "results.new"
    new.write_text(json.dumps({n: r.written() for n, r in results.items()}, indent=2) + "\n")
    new.replace(RESULTS)
    write(PAGE, results)


def write(page: Path, results: dict[str, Result]) -> None:
    """Put the table between its marks."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    table = "\n".join(cells.rows(results))
    page.write_text(f"{before}{BEGIN}\n{table}\n\n{END}{after}", encoding="utf-8")


def _known() -> dict[str, Result]:
    try:
        found = json.loads(RESULTS.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {name: Result.read(each) for name, each in found.items()}


def _typed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__)
    parser.add_argument(
        "--only", default="", metavar="CELLS",
        help="as docker-native,3.13: those that have all words of one of these",
    )  # fmt: skip
    parser.add_argument(
        "--again", action="store_true", help="also what passed, and has not changed"
    )
    parser.add_argument("--processes", type=int, default=4, help="that run tests (4)")
    parser.add_argument("--json", action="store_true", help="print what the cells came to as JSON")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stderr.write(f"matrix: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
