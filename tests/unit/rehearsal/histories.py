"""Recorded sagas, made by workers in virtual time, also under faults."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.engines.course import Stored
from minuet.engines.simulated import Settings
from minuet.engines.simulation import simulate
from minuet.event.model import Event
from minuet.event.record import Record, UnreadableHeaders, parse
from minuet.rehearsal.comparison import Compared, Rehearsal
from minuet.simulation import run, scenario
from minuet.spec.assemble import Workflow

History = dict[str, list[Record]]


def by_saga(log: Iterable[Stored]) -> History:
    found: History = {}
    for one in log:
        try:
            record = parse(one.key, one.value, one.headers, one.offset, one.time)
        except UnreadableHeaders:
            continue
        found.setdefault(record.key, []).append(record)
    return found


def recorded(workflow: Workflow, events: Sequence[Event]) -> History:
    return by_saga(simulate(workflow, 1, events=events, settings=Settings(workers=1)).log)


def under_faults(workflow: Workflow, seed: int, events: Sequence[Event], sagas: int) -> History:
    trial = run(workflow, scenario(workflow, seed, sagas, len(events)), events)
    assert trial.outcome is not None, trial.violations
    return by_saga(trial.outcome.log)


def rehearsed(
    history: History, workflow: Workflow, candidate: Workflow, simulated: str = ""
) -> dict[str, Compared]:
    registry = LocalRegistry()
    for models in (workflow.models.values(), candidate.models.values()):
        Codec(models, registry).register()
    codec = Codec(candidate.models.values(), registry)
    rehearsal = Rehearsal(workflow.spec, candidate, codec, simulated)
    try:
        found = [rehearsal.compare(records) for records in history.values()]
    finally:
        rehearsal.close()
    return {one.saga: one for one in found if one is not None}
