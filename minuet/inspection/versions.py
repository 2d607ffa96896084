"""Sagas in flight by the version that they began under, and which of them cannot go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from minuet.core.plan import Plan
from minuet.core.state import State, Status
from minuet.inspection.rows import state_of, stored
from minuet.kafka.connection import Connection
from minuet.spec.versions import misfit

SHOWN = 20  # ids of stuck sagas


@dataclass
class InFlight:
    """The live sagas of one version.

    Args:
        version: empty for those that nobody has answered yet.
        known: whether it is the version of now or a committed one; else they go by that of now.
        stuck: step -> how many wait, or will wait, for a step that the code of today cannot run
            for them; `sagas`: the first of these.
    """

    version: str
    known: bool
    live: int = 0
    stuck: dict[str, int] = field(default_factory=dict)
    sagas: list[str] = field(default_factory=list)


def in_flight(
    connection: Connection, plan: Plan, read: Callable[[], None] = lambda: None
) -> list[InFlight]:
    """Count the live sagas of the table by version; `read` is called for each row.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: there is no such table.
    """
    found: dict[str, InFlight] = {}
    misfits = {version: _misfits(plan, version) for version in plan.older}
    leaving = {rule.version for rule in plan.spec.migrations if not rule.unless}
    for key, each in stored(connection, plan.spec.table_topic, read).items():
        state = state_of(plan, key, each.row)
        if state is None or state.status is Status.EARLY or (state.status.ended and not state.seen):
            continue
        version = state.version
        known = version in ("", plan.spec.version, *plan.older)
        one = found.setdefault(version, InFlight(version, known))
        one.live += 1
        if not (version in leaving and state.status is Status.RUNNING):
            _count(one, plan, state, misfits.get(version, ()))
    return sorted(found.values(), key=lambda one: -one.live)


def _misfits(plan: Plan, version: str) -> list[str]:
    now = {step.name: step for step in plan.spec.steps}
    steps = plan.older[version].spec.steps
    return [step.name for step in steps if misfit(step, now.get(step.name))]


def _count(one: InFlight, plan: Plan, state: State, steps: list[str] | tuple[()]) -> None:
    """Note a saga that one of these steps has not answered."""
    rules = plan.of(state.version)
    waits = [name for name in steps if not rules.steps[name].excludes & state.said]
    for name in waits:
        one.stuck[name] = one.stuck.get(name, 0) + 1
    if waits and len(one.sagas) < SHOWN:
        one.sagas.append(state.saga_id)
