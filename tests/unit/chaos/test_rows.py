"""What a run came to, as rows of the table in the guide."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.chaos_rows import HEAD, main, rows
from minuet.chaos.audit import Audit, Lives
from minuet.chaos.faults import Fired
from minuet.chaos.state import State
from minuet.chaos.summary import summary
from minuet.chaos.wish import Found
from minuet.verify import Report

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "chaos.md"
KINDS = ("failpoint at-stop", "failpoint after-ack", "failpoint after-ack", "zombie")


def run(violated: int = 0) -> dict[str, Any]:
    faults = [Fired(1_000 * n, kind, "process 7", 0.0) for n, kind in enumerate(KINDS, 1)]
    state = State("orders", 7, 30.0, 21, faults, loads=[1.5, 3.0, 2.25])
    lives = Lives([*[(0, 9_000)] * 1_200, (9_000, 9_500)], {0: [1_400, 2_600, 8_000]})
    audit = Audit(sagas=1_200, effects=3_400, again=17, violated=violated)
    return summary(Found(state, 1.0, audit, lives, Report("orders")))


def test_each_kind_has_a_row_and_places_are_one_kind() -> None:
    assert list(rows(run())) == [
        "| `failpoint`, 2 places, each 1 times at least | 3, 0 | 1,200 | 0.6 s | 1.0 s | 1.0 s "
        "| 1,200 | 3,400, 17 | 1.5, 2.2 |",
        "| `zombie` | 1, 0 | 1,200 | 4.0 s | 4.0 s | 4.0 s |  |  |  |",
    ]


def test_the_table_of_the_guide_has_this_head() -> None:
    assert HEAD in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(("violated", "code"), [(0, 0), (2, 1)])
def test_a_run_that_broke_a_promise_has_no_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], violated: int, code: int
) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps(run(violated)))
    assert main([str(file)]) == code
    out = capsys.readouterr().out
    assert ("2 promises broken, seed 7" in out) == bool(violated)
    assert ("| `zombie` |" in out) == (not violated)
