"""Makes a failing scenario smaller, as long as it fails by the same rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from minuet.engines.model_broker import NO_FAULTS
from minuet.engines.simulated import Happening
from minuet.event.model import Event
from minuet.simulation.scenario import Bounds, Rows, Scenario, Trouble
from minuet.simulation.trial import Trial, run
from minuet.spec.assemble import Workflow

TRIES_MOST = 200  # runs that making a scenario smaller may take

Fails = Callable[[Scenario], bool]


def smallest(workflow: Workflow, scenario: Scenario, events: Sequence[Event]) -> Trial:
    """Return a run of a scenario that does not hold, made smaller: it breaks the same rule."""
    rule = run(workflow, scenario, events).violations[0].rule

    def fails(smaller: Scenario) -> bool:
        return rule in {found.rule for found in run(workflow, smaller, events).violations}

    return run(workflow, shrink(scenario, fails), events)


def shrink(scenario: Scenario, fails: Fails, tries: int = TRIES_MOST) -> Scenario:
    """Return a smaller scenario that fails, leaving out one thing after the other.

    Args:
        fails: whether a scenario still fails in the way that is looked for.
        tries: runs that it may take.
    """
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(scenario):
            if candidate == scenario:
                continue
            if tries <= 0:
                return scenario
            tries -= 1
            if fails(candidate):
                scenario, smaller = candidate, True
                break
    return scenario


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Yield scenarios with one thing less, the largest steps first."""
    quiet = replace(NO_FAULTS, session_ms=scenario.faults.session_ms)
    yield replace(scenario, trouble=Trouble())
    yield replace(scenario, faults=quiet)
    half = max(1, len(scenario.begins) // 2)
    yield _only(scenario, scenario.begins[:half])
    yield _only(scenario, scenario.begins[half:] or scenario.begins)
    for number in range(len(scenario.begins)) if half > 1 else ():
        yield _only(scenario, scenario.begins[:number] + scenario.begins[number + 1 :])
    for script in _shorter(scenario.script):
        if _is_possible(scenario.workers, script):
            yield replace(scenario, script=script)
    yield replace(scenario, letters=())
    for number in range(len(scenario.letters)):
        letters = scenario.letters[:number] + scenario.letters[number + 1 :]
        yield replace(scenario, letters=letters)
    yield replace(scenario, restarts=False)
    yield replace(scenario, bounds=Bounds())
    yield replace(scenario, rows=replace(scenario.rows, memory=None))
    yield replace(scenario, rows=Rows(scenario.rows.memory))
    yield replace(scenario, within_ms=0)
    if scenario.workers > 1 and _is_possible(scenario.workers - 1, scenario.script):
        yield replace(scenario, workers=scenario.workers - 1)
    faults, trouble = scenario.faults, scenario.trouble
    yield replace(scenario, faults=replace(faults, duplicated=0.0))
    yield replace(scenario, faults=replace(faults, ack_lost=0.0))
    yield replace(scenario, faults=replace(faults, append_lost=0.0))
    yield replace(scenario, faults=replace(faults, torn=0.0))
    yield replace(scenario, trouble=replace(trouble, refused=0.0))
    yield replace(scenario, trouble=replace(trouble, dropped=0.0))
    yield replace(scenario, trouble=replace(trouble, slow=0.0))
    yield replace(scenario, trouble=replace(trouble, late=0.0))
    yield replace(scenario, trouble=replace(trouble, changed=0.0))


def _only(scenario: Scenario, begins: tuple[int, ...]) -> Scenario:
    """Leave out all but some sagas."""
    letters = tuple(one for one in scenario.letters if one.saga in begins)
    return replace(scenario, begins=begins, letters=letters)


def _shorter(script: tuple[Happening, ...]) -> Iterator[tuple[Happening, ...]]:
    """Yield scripts without a worker, then without one happening."""
    for worker in {one.worker: None for one in script}:
        yield tuple(one for one in script if one.worker != worker)
    for number in range(len(script)):
        yield script[:number] + script[number + 1 :]


def _is_possible(workers: int, script: tuple[Happening, ...]) -> bool:
    """Whether everything happens to a worker that is there."""
    there = set(range(workers))
    silent: set[int] = set()
    for one in script:
        number, what = one.worker, one.what
        if (what == "start") == (number in there) or (what == "thaw") != (number in silent):
            return False
        if what == "start":
            there.add(number)
        elif what in ("stop", "kill", "crash"):
            there.discard(number)
        elif what == "freeze":
            silent.add(number)
        else:
            silent.discard(number)
    return True
