"""One run of a scenario, and what the judge says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from minuet.engines import virtual_time
from minuet.engines.simulation import Outcome, Settings, Simulation
from minuet.event.model import Event
from minuet.settings.worker import Options
from minuet.simulation.history import Told, told
from minuet.simulation.judge import Violation, judge
from minuet.simulation.outside import Effect, Outside
from minuet.simulation.scenario import Scenario
from minuet.spec.assemble import Workflow
from minuet.spec.model import Spec

MOST_S = 3 * 3600.0  # of virtual time past the last deadline; then a run goes on for ever


@dataclass(frozen=True)
class Trial:
    """What came of a scenario.

    Args:
        outcome: the topics at the end; None when the run itself broke.
        effects: what services carried out.
        violations: what must not be; empty for a good run.
        hits: how often each kind of fault happened.
        in_flight: sagas that had begun and not ended, at each death and silence of a worker.
    """

    scenario: Scenario
    outcome: Outcome | None
    effects: tuple[Effect, ...]
    violations: tuple[Violation, ...]
    hits: Counter[str]
    in_flight: tuple[int, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        return not self.violations


def run(workflow: Workflow, scenario: Scenario, events: Sequence[Event]) -> Trial:
    """Run a scenario; `events` are the begin events that it takes its own from."""
    fresh = workflow.given({})  # services that keep something begin anew at each run
    kept: list[Outside] = []
    try:
        outcome = virtual_time.run(
            _run(fresh, scenario, [events[n] for n in scenario.begins], kept),
            _most_s(workflow.spec),
        )
    except Exception as broken:  # a worker's, or one that only virtual time can see
        what = f"{type(broken).__name__}: {broken}"
        return Trial(scenario, None, (), (Violation("broken", "", what),), Counter())
    outside = kept[0]
    sagas = told(workflow.spec, outcome.log)
    return Trial(
        scenario,
        outcome,
        tuple(outside.effects),
        tuple(judge(workflow.spec, outcome, sagas, outside.effects)),
        Counter(outcome.hits) + Counter(outside.hits),
        _in_flight(scenario, outcome, sagas),
    )


async def _run(
    workflow: Workflow, scenario: Scenario, events: Sequence[Event], kept: list[Outside]
) -> Outcome:
    time = virtual_time.running()
    longest_ms = max(step.spec.timeout_ms for step in workflow.steps.values())
    outside = Outside(scenario.seed, scenario.trouble, time.now_ms, longest_ms / 1000 + 0.5)
    kept.append(outside)
    settings = Settings(
        workers=scenario.workers, faults=scenario.faults, script=scenario.script,
        spread_ms=scenario.spread_ms, options=Options(), around=outside.around,
    )  # fmt: skip
    return await Simulation(workflow, scenario.seed, settings).run(events)


def _most_s(spec: Spec) -> float:
    return MOST_S + max((one.within_ms for one in spec.deadlines), default=0) / 1000


def _in_flight(scenario: Scenario, outcome: Outcome, sagas: dict[str, Told]) -> tuple[int, ...]:
    began = virtual_time.START_MS
    lives = [(saga.records[0].time, saga.ended_at) for saga in sagas.values()]
    return tuple(
        sum(start <= began + one.at_ms < end for start, end in lives)
        for one in scenario.script
        if one.what in ("kill", "freeze")
    )
