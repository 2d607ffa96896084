"""`minuet simulate`: a workflow in virtual time, with faults drawn from seeds, and a judge."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from minuet.cli.arguments import BeginEventsOption
from minuet.cli.common import JsonOption, ProjectOption, print_json, project_folder
from minuet.cli.verify import progress_bar

if TYPE_CHECKING:
    from minuet.simulation import Tally, Trial, Wish

_HELP = """Run a workflow in virtual time, with faults drawn from a seed, many seeds over.

The workers, the core and your steps are those that are deployed; Kafka is a model of it, and \
every call of a resource may be refused, be slow, answer late, or do what it is asked and lose the \
answer. Workers are killed, stopped, and silent for longer than their session. After each run a \
judge that shares nothing with the core looks at the topics and at what was carried out: each saga \
ended once and as its log says, what failed was undone in reverse order, nothing was done that no \
event tells of, rows are the fold, and no position was committed too early.

Exit 1 at the first seed whose run does not hold: its scenario is made smaller, told as a story, \
and written as a test for pytest. A resource counts as having an effect where it is called with \
key= or idempotency_key=.

\b
Examples:
  minuet simulate orders                     1,000 seeds
  minuet simulate orders --seeds 10000 --json
  minuet simulate orders --seed 64 --trace   one seed, with everything that happened
"""
CASES = Path(".minuet", "simulations")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate", help=_HELP)(simulate)


def simulate(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: Annotated[str, typer.Argument(help="As pyproject.toml names it.")],
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 1_000,
    first: Annotated[int, typer.Option(min=0, help="The first of them.")] = 0,
    seed: Annotated[int | None, typer.Option(min=0, help="Run this one alone.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="With --seed: print it all.")] = False,
    sagas: Annotated[int, typer.Option(min=1, help="Sagas in each run.")] = 8,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: one on each processor.")] = 0,
    file: BeginEventsOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Run, and tell what was found."""
    from minuet.simulation import Wish, series

    events = file or project_folder(project) / "examples" / f"{workflow}.jsonl"
    wish = Wish(workflow, project, events, sagas)
    if seed is not None:
        _one(wish, seed, trace=trace, json=json)
        return
    wish.load()  # what is wrong with it is said here, once
    numbers = range(first, first + seeds)
    with progress_bar("simulating", quiet=json) as show:
        tally = series(wish, numbers, lambda sofar: show(sofar.seeds, seeds), jobs)
    if json:
        print_json({"workflow": workflow, "ok": not tally.failed, **_counts(tally)})
    else:
        for line in _told(workflow, tally):
            typer.echo(line)
    if tally.failed:
        if not json:
            _explain(wish, min(tally.failed))
        raise typer.Exit(1)


def _one(wish: Wish, seed: int, *, trace: bool, json: bool) -> None:
    from minuet.simulation import run, scenario

    logging.disable(logging.CRITICAL)
    workflow, events = wish.load()
    trial = run(workflow, scenario(workflow, seed, wish.sagas, len(events)), events)
    lines = trial.outcome.trace if trial.outcome is not None else ()
    digest = trial.outcome.digest if trial.outcome is not None else ""
    violations = [str(violation) for violation in trial.violations]
    if json:
        found = {"seed": seed, "ok": trial.ok, "violations": violations, "digest": digest}
        print_json({**found, "hits": dict(trial.hits), **({"trace": lines} if trace else {})})
    else:
        for line in (*(lines if trace else ()), *violations):
            typer.echo(line)
        hits = ", ".join(f"{count} {kind}" for kind, count in sorted(trial.hits.items()))
        typer.echo(f"seed {seed}: {'holds' if trial.ok else 'DOES NOT HOLD'}; {hits}")
        typer.echo(f"digest of the trace: {digest}")
        if not trial.ok:
            _explain(wish, seed)
    if not trial.ok:
        raise typer.Exit(1)


def _explain(wish: Wish, seed: int) -> None:
    """Make the scenario smaller, tell it, and write it as a test."""
    from minuet.simulation import as_test, scenario, smallest, story

    logging.disable(logging.CRITICAL)
    workflow, events = wish.load()
    trial = smallest(workflow, scenario(workflow, seed, wish.sagas, len(events)), events)
    typer.echo(f"\nmade smaller: {_in_short(trial)}")
    for violation in trial.violations:
        typer.echo(f"  {violation}")
    for line in story(trial, trial.violations[0].saga):
        typer.echo(line)
    case = project_folder(wish.project) / CASES / f"test_{wish.workflow}_seed_{seed}.py"
    case.parent.mkdir(parents=True, exist_ok=True)
    case.write_text(as_test(trial, wish.workflow), encoding="utf-8")
    typer.echo(f"\nas a test: {case}")
    typer.echo(f"again: minuet simulate {wish.workflow} --seed {seed} --trace")


def _in_short(trial: Trial) -> str:
    scenario = trial.scenario
    script = ", ".join(f"{o.what} {o.worker} at {o.at_ms:.0f} ms" for o in scenario.script)
    sizes = f"{len(scenario.begins)} sagas, {scenario.workers} workers"
    return f"{sizes}, {script or 'nothing befalls them'}"


def _counts(tally: Tally) -> dict[str, Any]:
    return {
        "seeds": tally.seeds,
        "sagas": tally.sagas,
        "events": tally.events,
        "cpu_s": round(tally.cpu_s, 1),
        "events_per_cpu_s": tally.events_per_s,
        "effects": tally.effects,
        "ends": dict(sorted(tally.ends.items())),
        "faults": dict(sorted(tally.hits.items())),
        "deaths_at_work": tally.at_work,
        "seeds_with_rows_on_disk": tally.on_disk,
        "seeds_with_few_faults": tally.weak,
        "failed": {str(seed): found for seed, found in tally.failed.items()},
    }


def _told(workflow: str, tally: Tally) -> Iterator[str]:
    ends = ", ".join(f"{count:,} {end}" for end, count in tally.ends.most_common())
    yield f"{workflow}: {tally.seeds:,} seeds, {tally.sagas:,} sagas ({ends})"
    yield f"  {tally.events:,} events on the log, {tally.effects:,} effects carried out"
    yield f"  {tally.cpu_s:.1f} s of CPU: {tally.events_per_s:,} events/s on one core"
    yield "  " + ", ".join(f"{count:,} {kind}" for kind, count in tally.hits.most_common())
    yield f"  {tally.at_work:,} deaths and silences of workers hit sagas in flight"
    for seed, found in sorted(tally.failed.items()):
        yield f"seed {seed} DOES NOT HOLD"
        yield from (f"  {violation}" for violation in found)
    if not tally.failed:
        yield "every run holds"
