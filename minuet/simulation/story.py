"""What happened to one saga in a run, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator

from minuet.engines.virtual_time import START_MS
from minuet.simulation.trial import Trial


def story(trial: Trial, saga: str) -> Iterator[str]:
    """Yield the lines of a saga's story: its records, its rows, what befell workers, effects."""
    if trial.outcome is None:
        return
    lines = [(int(at), what) for at, what in map(_split, trial.outcome.trace) if _is_of(what, saga)]
    slots = {
        dict(one.headers).get("ce_slot", b"").decode()
        for one in trial.outcome.log
        if one.key.decode(errors="replace") == saga
    }
    lines += [(e.at_ms, f"  {e.name} is carried out") for e in trial.effects if e.key in slots]
    lines.sort(key=lambda line: line[0])
    for at, what in lines:
        yield f"{(at - START_MS) / 1000:+10.3f} s  {what}"


def _split(line: str) -> tuple[str, str]:
    at, _, what = line.partition(" ")
    return at, what


def _is_of(what: str, saga: str) -> bool:
    return what.startswith(("worker-", "group ")) or saga in what.split(" ")


def as_test(trial: Trial, workflow: str) -> str:
    """Return the run as a test for pytest, which fails as long as the run does."""
    rules = ", ".join(sorted({violation.rule for violation in trial.violations}))
    return f'''"""Found by `minuet simulate {workflow} --seed {trial.scenario.seed}`: {rules}."""

from pathlib import Path

from minuet.simulation import Scenario, begin_events, run
from minuet.spec import project

SCENARIO = Scenario.read(
    """{trial.scenario.as_json()}"""
)


def test_a_simulated_run_holds() -> None:
    workflow = project.load("{workflow}")
    events = begin_events(workflow, Path("examples/{workflow}.jsonl"))
    assert run(workflow, SCENARIO, events).violations == ()
'''
