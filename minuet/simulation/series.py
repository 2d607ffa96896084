"""Many seeds, on all processors: counts of what was done, and the first run that failed."""

from __future__ import annotations

import gc
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.simulation.scenario import Scenario, draw
from minuet.simulation.trial import run
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow

CHUNK = 25  # seeds a process does before it tells of them
KINDS_LEAST = 3  # of faults that happened, or a run shows little
COLLECT_AFTER = 20_000  # objects more: a run ends with all that it made, and lasts some 10 ms


@dataclass
class Tally:
    """What some seeds came to.

    Args:
        seeds, sagas, events, effects: how many were run, begun, written and carried out.
        failed: seeds whose run violated something, each with what.
        weak: seeds where fewer than three kinds of fault happened.
        hits: faults by kind; `at_work`: deaths and silences that hit a saga in flight.
        ends: how sagas ended, by end event; empty for those that wait for a person.
        on_disk: runs whose workers kept rows on disk.
        cpu_s: what the runs and their judge cost, of one core.
    """

    seeds: int = 0
    sagas: int = 0
    events: int = 0
    effects: int = 0
    failed: dict[int, list[str]] = field(default_factory=dict)
    weak: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    at_work: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    on_disk: int = 0
    cpu_s: float = 0.0

    @property
    def events_per_s(self) -> int:
        """How many events one core does in a second, as long as it has nothing else to do."""
        return round(self.events / self.cpu_s) if self.cpu_s else 0

    def add(self, other: Tally) -> None:
        """Add what others came to."""
        self.seeds += other.seeds
        self.sagas += other.sagas
        self.events += other.events
        self.effects += other.effects
        self.failed.update(other.failed)
        self.weak += other.weak
        self.hits += other.hits
        self.at_work += other.at_work
        self.ends += other.ends
        self.on_disk += other.on_disk
        self.cpu_s += other.cpu_s


@dataclass(frozen=True)
class Wish:
    """What is to be run: plain data, for processes of their own.

    Args:
        workflow, project: as the command line names them.
        file: begin events as JSON lines.
        sagas: in each run.
    """

    workflow: str
    project: Path | None
    file: Path
    sagas: int

    def load(self) -> tuple[Workflow, list[Event]]:
        """Load the workflow and its begin events.

        Raises:
            UsageError: there are fewer than a run takes, or one is none.
        """
        workflow = projects.load(self.workflow, self.project)
        events = begin_events(workflow, self.file)
        if len(events) < self.sagas:
            message = (
                f"{self.file} holds {len(events)} events, fewer than --sagas {self.sagas}: "
                f"add some, or type --sagas {max(1, len(events))}"
            )
            raise UsageError(message)
        return workflow, events


def scenario(workflow: Workflow, seed: int, sagas: int, of: int) -> Scenario:
    """Draw a scenario for a workflow, out of so many begin events."""
    external = [event.__name__ for event in workflow.saga.external]
    return draw(seed, sagas, of, workflow.spec.begins, external)


def begin_events(workflow: Workflow, file: Path) -> list[Event]:
    """Read begin events from a file of JSON lines.

    Raises:
        UsageError: it cannot be read, or a line is no such event.
    """
    model = workflow.models[workflow.spec.begins]
    try:
        written = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file}: {error}; name begin events as JSON lines with --file"
        raise UsageError(message) from error
    events: list[Event] = []
    for number, line in enumerate(written, 1):
        try:
            events += [model.model_validate_json(line)] if line.strip() else []
        except ValueError as error:
            message = f"{file}, line {number}: {error}"
            raise UsageError(message) from error
    return events


def series(wish: Wish, seeds: Sequence[int], show: Callable[[Tally], None], jobs: int = 0) -> Tally:
    """Run seeds in so many processes, 0 for one on each processor, until one has failed."""
    total = Tally()
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    processes = min(jobs or os.cpu_count() or 1, len(chunks))
    with ProcessPoolExecutor(processes, initializer=_begin, initargs=(wish,)) as pool:
        for tally in pool.map(partial(some, wish), chunks):
            total.add(tally)
            show(total)
            if total.failed:
                pool.shutdown(cancel_futures=True)
                break
    return total


def _begin(wish: Wish) -> None:
    """Prepare a process that does nothing else."""
    logging.disable(logging.CRITICAL)  # faults are what is asked for
    _loaded(wish)
    gc.freeze()  # what stands now need not be looked through again
    gc.set_threshold(COLLECT_AFTER)


@lru_cache(maxsize=1)  # a process does many chunks of the same wish
def _loaded(wish: Wish) -> tuple[Workflow, list[Event]]:
    return wish.load()


def some(wish: Wish, seeds: Sequence[int]) -> Tally:
    """Run some seeds in this process; stop at the first that fails."""
    workflow, events = _loaded(wish)
    tally, began_s = Tally(), time.process_time()
    for seed in seeds:
        trial = run(workflow, scenario(workflow, seed, wish.sagas, len(events)), events)
        tally.seeds += 1
        tally.hits += trial.hits
        tally.weak += len(trial.hits) < KINDS_LEAST
        tally.at_work += sum(count > 0 for count in trial.in_flight)
        tally.effects += len(trial.effects)
        tally.on_disk += trial.scenario.rows.memory is not None
        if trial.outcome is not None:
            tally.sagas += len(trial.outcome.sagas)
            tally.events += len(trial.outcome.log)
            tally.ends.update(state.status.value for state in trial.outcome.sagas.values())
        if not trial.ok:
            tally.failed[seed] = [str(violation) for violation in trial.violations]
            break
    tally.cpu_s = time.process_time() - began_s
    return tally
