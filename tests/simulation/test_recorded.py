"""What a release decided of its sagas, this version decides too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from minuet.core.plan import compile_plan
from minuet.core.row import unpack
from minuet.spec.plain import from_plain
from tests.simulation.mutants import leaves_what_came_late, undoes_from_the_first_on
from tests.simulation.recorded import FOLDER, decisions, replayed, stored

FILES = sorted(FOLDER.glob("*.json"))


def differences(file: Path) -> list[str]:
    """Where this version decides otherwise: from the records, and from a row of then."""
    recorded = json.loads(file.read_text(encoding="utf-8"))
    plan, found = compile_plan(from_plain(json.dumps(recorded["spec"]), str(file))), []
    for saga in recorded["sagas"]:
        key = saga["saga"]
        lines = [stored(key, line) for line in saga["records"]]
        now = replayed(plan, [record for record, _, _ in lines])
        for (record, decided, row), (decides, _) in zip(lines, now, strict=True):
            of_row = decisions(plan, unpack(plan, key, row), record.time)
            for source, other in (("its record", decides), ("its row", of_row)):
                if other != decided:
                    found.append(f"{key}/{record.offset}, by {source}: {decided} then, {other} now")
    return found


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_what_was_decided_then_is_decided_now(file: Path) -> None:
    assert differences(file) == []


def test_the_histories_show_every_end_and_what_seldom_happens() -> None:
    assert FILES
    text = FILES[-1].read_text(encoding="utf-8")
    names = ("SagaCompleted", "SagaCompensated", "StepRetrying", "StepGaveUp", "StepSkipped")
    assert [name for name in (*names, "OrderExpired", "ce_late") if name not in text] == []


@pytest.mark.parametrize("mutant", [undoes_from_the_first_on, leaves_what_came_late])
def test_a_changed_decision_is_seen(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    assert any(differences(file) for file in FILES)
