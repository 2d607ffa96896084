"""The figures that are exported are those that the guide and the alerts speak of."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from minuet.core.plan import compile_plan
from minuet.health.census import Census
from minuet.health.figures import CATEGORIES_MOST, Figures
from minuet.health.standing import Standing
from tests.engines.trips import Desk, trips

ROOT = Path(__file__).parents[3]
NAME = re.compile(r"\bminuet_[a-z_]+\b")


def part(**of: Any) -> SimpleNamespace:
    return SimpleNamespace(
        **{"restored": True, "position": 7, "committed": 7, "table": [1, 2], **of}
    )


class Scene:
    """A worker with nothing behind it, whose figures can be set."""

    def __init__(self) -> None:
        runner = SimpleNamespace(
            active=3, waiting=2, started=9, guard=SimpleNamespace(suspects={}),
        )  # fmt: skip
        self.loop = SimpleNamespace(
            plan=compile_plan(trips("trips", Desk()).spec), runner=runner, folded=5, joined=True,
            error=None, stopping=False, stopped=SimpleNamespace(is_set=lambda: False),
            parts={0: part()},
            breakers=lambda: [SimpleNamespace(name="payments", state="open")],
        )  # fmt: skip
        self.log = SimpleNamespace(
            said=Counter({b"StepGaveUp": 2, b"NoSuchType": 4}), letters=Counter({b"bug": 1}),
            committed_at={}, restores=1, rows_read=2, append_failures=0, rows_written=3,
        )  # fmt: skip
        self.census = Census(cast(Any, self.loop))
        self.census.at = 1.0
        self.census.sagas["running"] = self.census.incidents["gave-up"] = 1
        self.standing = Standing(cast(Any, self.loop), coordinated=True)
        self.figures = Figures(self.standing, cast(Any, self.log), self.census)

    def read(self) -> dict[tuple[str, ...], float]:
        return {
            (sample.name, *[v for n, v in sample.labels.items() if n != "workflow"]): sample.value
            for family in self.figures.collect()
            for sample in family.samples
        }


def test_the_guide_and_the_alerts_name_what_there_is() -> None:
    scene = Scene()
    scene.figures.high[0] = 8
    there = {name for name, *_ in scene.read()}
    guide = (ROOT / "docs/guide/operating.md").read_text(encoding="utf-8")
    alerts = (ROOT / "deploy/prometheus/minuet-alerts.yml").read_text(encoding="utf-8")
    table = {
        name for line in guide.splitlines() if "| `minuet_" in line for name in NAME.findall(line)
    }
    assert table == there
    assert set(NAME.findall(alerts)) <= there


def test_labels_stay_few_whatever_stands_on_the_log() -> None:
    scene = Scene()
    scene.log.letters = Counter({f"own-{n}".encode(): 1 for n in range(500)})
    found = scene.read()
    assert found["minuet_events_said_total", "other"] == 4
    letters = [labels for name, *labels in found if name == "minuet_dead_letters_total"]
    assert len(letters) == CATEGORIES_MOST + 1
    assert found["minuet_dead_letters_total", "other"] == 500 - CATEGORIES_MOST


def test_lag_and_age_are_of_each_partition() -> None:
    scene = Scene()
    scene.loop.parts = {0: part(), 1: part(position=9)}
    scene.figures.high.update({0: 10, 1: 8})
    found = scene.read()
    assert [found["minuet_lag_records", n] for n in "01"] == [3, 0]
    assert found["minuet_checkpoint_age_seconds", "0"] == 0
    assert found["minuet_checkpoint_age_seconds", "1"] >= 0
    assert found["minuet_breaker_state", "payments", "open"] == 1


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({}, ""),
        ({"parts": {}}, ""),
        ({"joined": False}, "it has not joined its group"),
        ({"parts": {0: part(), 1: part(restored=False)}}, "1 of 2 partitions are being restored"),
        ({"error": OSError()}, "it has stopped"),
    ],
)
def test_what_a_worker_lacks_to_be_ready(change: dict[str, Any], lacks: str) -> None:
    scene = Scene()
    vars(scene.loop).update(change)
    assert scene.standing.lacks == lacks
    scene.standing.coordinated = False
    assert scene.standing.lacks == (lacks or "no live unit has the coordinator")


def test_a_worker_that_stops_is_not_ready_while_its_handlers_end() -> None:
    scene = Scene()
    assert scene.standing.lacks == ""
    scene.loop.stopping = True
    assert (scene.standing.lives, scene.standing.lacks) == (True, "it is stopping")
