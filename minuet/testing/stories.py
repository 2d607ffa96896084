"""Run a workflow in a test: no broker, no waiting, the same result each time.

The loop, the core, the schemas and the steps are those that are deployed; Kafka is a model, and
time passes by itself: retries that wait for minutes, and deadlines of days, are there at once.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from minuet import simulation
from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.core.state import State
from minuet.engines.simulated import Settings
from minuet.engines.simulation import Outcome, simulate
from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.event.record import SCHEMA, Record, UnreadableHeaders, parse
from minuet.spec.assemble import Workflow
from minuet.spec.project import load

__all__ = ["Story", "run", "under_faults"]

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Story:
    """What became of one saga.

    Args:
        saga: its id.
        status: `completed`, `compensated`, or `running` and `failing` while it waits for a person.
        history: all that the log has of it, in order, Minuet's own events too.
        incidents: what waits for a person, as `step: reason`.
    """

    saga: str
    status: str
    history: tuple[Event, ...]
    incidents: tuple[str, ...]

    @property
    def types(self) -> list[str]:
        """The names of the events in its history."""
        return [type(event).__name__ for event in self.history]

    def said(self, kind: type[E]) -> E:
        """Return the first event of this type.

        Raises:
            LookupError: it never happened; says what did.
        """
        for event in self.history:
            if isinstance(event, kind):
                return event
        message = f"{self.saga}: no {kind.__name__} happened, but {', '.join(self.types)}"
        raise LookupError(message)


def run(
    workflow: Workflow | str,
    events: Iterable[Event],
    *,
    resources: Mapping[type, object] | None = None,
    seed: int = 1,
) -> dict[str, Story]:
    """Publish events and run the workflow until nothing is left to do.

    Args:
        workflow: its name, as pyproject.toml has it, or the workflow itself.
        events: that begin sagas, or come from outside, in this order.
        resources: class -> what the steps get for it, in the place of its simulated form.
        seed: of what is drawn, such as the part of a wait that is chance.

    Returns:
        The story of each saga, by its id.

    Raises:
        UsageError: there is no such project or workflow, or a resource has no simulated form.
        DefinitionError: the workflow is written wrong.
        NothingToDo: a step waits for a thread or a socket, which are not there.
    """
    loaded = load(workflow) if isinstance(workflow, str) else workflow
    given = loaded.given(resources or {})
    outcome = simulate(given, seed, events=events, settings=Settings(workers=1))
    codec = Codec(loaded.models.values(), LocalRegistry())
    histories = _histories(outcome, codec)
    return {
        saga: Story(saga, state.status.value, tuple(histories[saga]), incidents_of(state))
        for saga, state in outcome.sagas.items()
    }


def under_faults(
    workflow: Workflow | str,
    events: Iterable[Event],
    *,
    seeds: int = 100,
    first: int = 0,
    sagas: int = 8,
) -> Counter[str]:
    """Run the workflow under faults, once for each seed, and have a judge look at each run.

    What goes wrong and what must hold is that of `minuet simulate`: links are slow, answers are
    lost, workers die and sleep, services refuse, and answer late. Resources are simulated ones.

    Args:
        workflow: its name, as pyproject.toml has it, or the workflow itself.
        events: that begin sagas; a run takes some of them, each once.
        seeds: how many runs; `first`: the seed of the first.
        sagas: in each run; fewer, when there are fewer events.

    Returns:
        How often each kind of fault happened.

    Raises:
        AssertionError: a run does not hold; says the seed, and tells the story of its saga in a
            scenario that is as small as it can be made.
        UsageError: there is no such project or workflow, no event, or no simulated form.
        DefinitionError: the workflow is written wrong.
    """
    loaded = load(workflow) if isinstance(workflow, str) else workflow
    given = list(events)
    if not given:
        message = "no events: a run under faults takes some that begin sagas"
        raise UsageError(message)
    happened: Counter[str] = Counter()
    with _no_logs():
        for seed in range(first, first + seeds):
            drawn = simulation.scenario(loaded, seed, min(sagas, len(given)), len(given))
            trial = simulation.run(loaded, drawn, given)
            happened += trial.hits
            if not trial.ok:
                raise AssertionError(_why(simulation.smallest(loaded, drawn, given)))
    return happened


def _why(trial: simulation.Trial) -> str:
    broken = [f"seed {trial.scenario.seed} does not hold"]
    broken += [f"  {violation}" for violation in trial.violations]
    return "\n".join([*broken, *simulation.story(trial, trial.violations[0].saga)])


@contextmanager
def _no_logs() -> Iterator[None]:
    """Faults are what is asked for: nobody wants to be told of each."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def incidents_of(state: State) -> tuple[str, ...]:
    """What waits for a person, as `step: reason`."""
    return tuple(
        f"{incident.about}: {incident.reason}" if incident.reason else incident.about
        for incident in state.incidents.values()
    )


def _histories(outcome: Outcome, codec: Codec) -> dict[str, list[Event]]:
    """The decoded events of each saga, in the order of the log."""
    found: dict[str, list[Event]] = {}
    for record in _records(outcome):
        event = codec.decode(record.type, record.headers.get(SCHEMA, b""), record.value)
        found.setdefault(record.key, []).append(event)
    return found


def _records(outcome: Outcome) -> Iterator[Record]:
    for stored in outcome.log:
        try:
            yield parse(stored.key, stored.value, stored.headers, stored.offset, stored.time)
        except UnreadableHeaders:
            continue  # it is nothing to any saga
