"""One run of a scenario, and what the judge says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from minuet.engines import virtual_time
from minuet.engines.row_store import RowStores
from minuet.engines.simulated import Settings
from minuet.engines.simulation import Outcome, Simulation
from minuet.engines.turns import Turns
from minuet.event.model import Event
from minuet.settings.worker import Options
from minuet.simulation.hearing import Hearing
from minuet.simulation.history import Told, told
from minuet.simulation.judge import Violation, judge
from minuet.simulation.judge_heard import fenced_in, judge_heard
from minuet.simulation.made_up import made_up
from minuet.simulation.outside import Effect, Outside
from minuet.simulation.scenario import Letter, Rows, Scenario
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
    """Run a scenario; `events` are the begin events that it takes its own from.

    Raises:
        UsageError: an event from outside cannot be made up.
    """
    fresh = _timed(workflow.given({}), scenario.within_ms)  # services begin anew at each run
    begins = [events[n] for n in scenario.begins]
    later = tuple((one.at_ms, _written(fresh, one, events)) for one in scenario.letters)
    kept: list[tuple[Outside, Hearing]] = []
    try:
        with _stores(scenario.rows) as stores:
            whole = _run(fresh, scenario, begins, later, kept, stores)
            outcome = virtual_time.run(whole, _most_s(fresh.spec))
    except Exception as broken:  # a worker's, or one that only virtual time can see
        what = f"{type(broken).__name__}: {broken}"
        return Trial(scenario, None, (), (Violation("broken", "", what),), Counter())
    outside, hearing = kept[0]
    sagas, fenced = told(fresh.spec, outcome.log), fenced_in(outcome)
    return Trial(
        scenario,
        outcome,
        tuple(outside.effects),
        (
            *judge(fresh.spec, outcome, sagas, [e for e in outside.effects if not fenced(e)]),
            *judge_heard(outcome, sagas, hearing.heard),
        ),
        Counter(outcome.hits) + Counter(outside.hits),
        _in_flight(scenario, outcome, sagas),
    )


async def _run(
    workflow: Workflow, scenario: Scenario, begins: Sequence[Event],
    later: tuple[tuple[float, Event], ...], kept: list[tuple[Outside, Hearing]],
    stores: Callable[[], RowStores] | None,
) -> Outcome:  # fmt: skip
    time = virtual_time.running()
    longest_ms = max(step.spec.timeout_ms for step in workflow.steps.values())
    outside = Outside(scenario.seed, scenario.trouble, time.now_ms, longest_ms / 1000 + 0.5)
    hearing = Hearing(outside, time.now_ms)
    kept.append((outside, hearing))
    settings = Settings(
        workers=scenario.workers, faults=scenario.faults, script=scenario.script,
        spread_ms=scenario.spread_ms, options=Options(**asdict(scenario.bounds)),
        around=outside.around, ear=hearing.ear, restarts=scenario.restarts,
        later=later, stores=stores,
        turns=Turns(scenario.rows.slice, scenario.rows.pause_ms / 1000),
    )  # fmt: skip
    return await Simulation(workflow, scenario.seed, settings).run(begins)


@contextmanager
def _stores(rows: Rows) -> Iterator[Callable[[], RowStores] | None]:
    """Make a folder for rows, where they are on disk: a worker finds those of others there."""
    if rows.memory is None:
        yield None
        return
    from minuet.engines.disk_stores import DiskStores  # few runs want it

    with TemporaryDirectory(prefix="minuet-rows-") as folder:
        most = rows.memory
        yield lambda: DiskStores(Path(folder), {}, most)


def _written(workflow: Workflow, letter: Letter, events: Sequence[Event]) -> Event:
    """Return the event that somebody outside publishes."""
    begin, spec = events[letter.saga], workflow.spec
    if letter.type == spec.begins:
        return begin
    known = {spec.key_of(letter.type): getattr(begin, spec.key)}
    return made_up(workflow.models[letter.type], known, letter.draw)


def _timed(workflow: Workflow, within_ms: int) -> Workflow:
    """Return a workflow whose shortest deadline is so long, the others in proportion."""
    spec = workflow.spec
    if not within_ms or not spec.deadlines:
        return workflow
    shortest = min(one.within_ms for one in spec.deadlines)
    deadlines = tuple(
        replace(one, within_ms=one.within_ms * within_ms // shortest) for one in spec.deadlines
    )
    return replace(workflow, spec=replace(spec, deadlines=deadlines))


def _most_s(spec: Spec) -> float:
    return MOST_S + max((one.within_ms for one in spec.deadlines), default=0) / 1000


def _in_flight(scenario: Scenario, outcome: Outcome, sagas: dict[str, Told]) -> tuple[int, ...]:
    began = virtual_time.START_MS
    lives = [(saga.records[0].time, saga.ended_at) for saga in sagas.values()]
    return tuple(
        sum(start <= began + one.at_ms < end for start, end in lives)
        for one in scenario.script
        if one.what in ("kill", "crash", "freeze")
    )
