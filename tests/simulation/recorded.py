"""Histories of sagas as a release wrote them, and what it decided at each record.

`python -m tests.simulation.recorded` writes a file for this version beside those of older ones,
which stay: what they decided every later version decides too, or sagas in flight go another way.
"""

from __future__ import annotations

import json
import logging
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from minuet.core.decide import decide
from minuet.core.due import due
from minuet.core.plan import Plan, compile_plan
from minuet.core.row import pack
from minuet.core.state import State
from minuet.core.table import Table
from minuet.engines.course import Stored
from minuet.event.record import parse
from minuet.simulation import begin_events, run, scenario
from minuet.spec.assemble import Workflow
from minuet.spec.plain import as_plain
from minuet.spec.project import load

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "histories"
WORKFLOW = "orders"
SEEDS = range(200)  # of runs that sagas are taken from, as many as show something new
WITHIN_MS = 2_000
DAY_MS = 24 * 3600 * 1000


def decisions(plan: Plan, state: State, now_ms: int) -> list[str]:
    """What is due and what is to be said, now and when every deadline has passed."""
    found = []
    for when in (now_ms, now_ms + DAY_MS):
        found += [f"run {slot.step.name} {slot.id}" for slot in due(plan, state, when)]
        found += [f"say {say.type} {say.id} {say.undoes}" for say in decide(plan, state, when)]
    return [*found, state.status.value, *sorted(i.about for i in state.incidents.values())]


def replayed(plan: Plan, records: list[Stored]) -> Iterator[tuple[list[str], bytes]]:
    """Fold records, and yield after each what is decided, and the row of then."""
    table = Table(plan)
    for one in records:
        state = table.fold(parse(one.key, one.value, one.headers, one.offset, one.time))
        yield decisions(plan, state, one.time), pack(plan, state)


def _record(saga: str, records: list[Stored], plan: Plan) -> dict[str, Any]:
    lines = [
        {
            "offset": one.offset,
            "time": one.time,
            "headers": {name: raw.decode() for name, raw in one.headers},
            "value": b64encode(one.value or b"").decode(),
            "decided": decided,
            "row": b64encode(row).decode(),
        }
        for one, (decided, row) in zip(records, replayed(plan, records), strict=True)
    ]
    return {"saga": saga, "records": lines}


def stored(saga: str, line: dict[str, Any]) -> tuple[Stored, list[str], bytes]:
    """Read a record, what was decided after it, and its row."""
    headers = [(name, text.encode()) for name, text in line["headers"].items()]
    value = b64decode(line["value"])
    record = Stored(0, line["offset"], line["time"], saga.encode(), value, headers)
    return record, line["decided"], b64decode(line["row"])


def _workflow() -> Workflow:
    """The workflow with deadlines so short that some pass."""
    workflow = load(WORKFLOW, ROOT)
    deadlines = tuple(replace(one, within_ms=WITHIN_MS) for one in workflow.spec.deadlines)
    return replace(workflow, spec=replace(workflow.spec, deadlines=deadlines))


def _sagas() -> Iterator[dict[str, Any]]:
    """Sagas of simulated runs that have something which none before them has."""
    workflow = _workflow()
    events = begin_events(workflow, ROOT / "examples" / f"{WORKFLOW}.jsonl")
    plan, known = compile_plan(workflow.spec), set[str]()
    for seed in SEEDS:
        drawn = scenario(workflow, seed, 8, len(events))
        outcome = run(workflow, replace(drawn, within_ms=0), events).outcome
        assert outcome is not None
        for saga, state in outcome.sagas.items():
            new = {state.status.value, *state.counts}
            new |= {f"stray {stray.type}" for stray in state.strays.values()}
            records = [one for one in outcome.log if one.key == saga.encode()]
            new |= {dict(one.headers)["ce_type"].decode() for one in records}
            if not new <= known:
                known |= new
                yield _record(saga, records, plan)


def main() -> None:
    """Write the file of this version, once: a released one is never written again."""
    file = FOLDER / f"{WORKFLOW}-{version('minuet')}.json"
    if file.exists() and "--again" not in sys.argv:
        sys.exit(f"{file} is there; until its version is released: --again")
    logging.disable(logging.CRITICAL)
    spec = as_plain(_workflow().spec)
    text = json.dumps({"spec": spec, "sagas": list(_sagas())}, indent=0, ensure_ascii=False)
    FOLDER.mkdir(exist_ok=True)
    file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
