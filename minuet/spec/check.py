"""What a saga's table and the signatures of its steps owe each other.

Checked once, when a workflow is assembled; each refusal names a place and a mend.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import NoReturn

from minuet.errors import DefinitionError
from minuet.event.model import Event, Request
from minuet.event.platform import PLATFORM_EVENTS, SagaCancelled, SagaCompensated, SagaCompleted
from minuet.saga import Saga, Undo
from minuet.signature import ENDS
from minuet.step import StepDefinition

EventType = type[Event]

_PLATFORM = frozenset(PLATFORM_EVENTS.values())


@dataclass(frozen=True)
class Choreography:
    """The steps of a saga, by what they say."""

    saga: Saga
    steps: tuple[StepDefinition, ...]
    said_by: Mapping[EventType, StepDefinition]
    _certain: dict[EventType, frozenset[EventType]] = field(default_factory=dict)

    @property
    def coordinated(self) -> dict[EventType, EventType]:
        """What the coordinator says, by what it says it after."""
        said: dict[EventType, EventType] = {d.event: d.after for d in self.saga.deadlines}
        return said | {undo.request: undo.outcome for undo in self.saga.undo}

    def certain(self, event: EventType) -> frozenset[EventType]:
        """The types that are in the state of a saga whenever `event` is; needs no cycles."""
        if event not in self._certain:
            self._certain[event] = frozenset({event, self.saga.begins}) | self._before(event)
        return self._certain[event]

    def _before(self, event: EventType) -> frozenset[EventType]:
        step, after = self.said_by.get(event), self.coordinated.get(event)
        if step is not None:
            return self.certain_of(step)
        return self.certain(after) if after is not None else frozenset()

    def certain_of(self, step: StepDefinition) -> frozenset[EventType]:
        """The types that are in the state of a saga whenever `step` runs."""
        found: frozenset[EventType] = frozenset()
        for _, types in step.needs:
            found |= frozenset.intersection(*(self.certain(t) for t in types))
        return found

    def undo_step(self, undo: Undo) -> StepDefinition:
        """The step that carries out an undo; the check has found it."""
        return self.said_by[undo.undone]


def check(saga: Saga, steps: tuple[StepDefinition, ...]) -> Choreography:
    """Check a workflow.

    Raises:
        DefinitionError: table and steps do not fit.
    """
    _check_names(saga, steps)
    check_models(saga, steps)
    whole = Choreography(saga, steps, _said_by(saga, steps))
    _check_all_said(whole)
    _check_acyclic(whole)
    for step in steps:
        _check_possible(whole, step)
        _check_resources(saga, step)
    for undo in saga.undo:
        _check_undo(whole, undo)
    for step in steps:
        if step.spec.in_doubt == "undo":
            _check_undoes_perhaps(whole, step)
    return whole


def models_of(saga: Saga, steps: Iterable[StepDefinition]) -> Iterable[EventType]:
    """Every event class that the table or a step names, Minuet's own included; some twice."""
    yield from (saga.begins, saga.completes, *saga.fails, *saga.external)
    if saga.pivot is not None:
        yield saga.pivot
    for undo in saga.undo:
        yield from (undo.outcome, undo.request, undo.undone)
    for deadline in saga.deadlines:
        yield from (deadline.event, deadline.after, deadline.unless)
    for step in steps:
        yield from (event for _, types in step.needs for event in types)
        yield from step.says


def refuse(step: StepDefinition, message: str, mend: str, *, rule: str = "definition") -> NoReturn:
    """Raise the error that names a step, its place, what is wrong and how to mend it."""
    spec, where = step.spec, f"step {step.spec.name}: {message}"
    raise DefinitionError(where, file=spec.file, line=spec.line, mend=mend, rule=rule)


def _check_names(saga: Saga, steps: tuple[StepDefinition, ...]) -> None:
    if not steps:
        saga.refuse("it has no steps", "name their modules in [tool.minuet] in pyproject.toml")
    first: dict[str, StepDefinition] = {}
    for step in steps:
        other = first.setdefault(step.spec.name, step)
        if other is not step:
            place = f"{other.spec.file}:{other.spec.line}"
            refuse(step, f"{place} has the same name", "rename one: a slot's id contains the name")


def check_models(saga: Saga, steps: Iterable[StepDefinition]) -> dict[str, EventType]:
    """Return the workflow's event classes by name.

    Raises:
        DefinitionError: two classes have the same name.
    """
    found: dict[str, EventType] = {}
    for model in models_of(saga, steps):
        if model in _PLATFORM:
            continue
        name = model.__name__
        other = PLATFORM_EVENTS.get(name) or found.setdefault(name, model)
        if other is not model:
            mend = "rename one; or, if they are one file, import it by the same name everywhere"
            both = f"{other.__module__} and {model.__module__}"
            saga.refuse(f"there are two events {name}, in {both}", mend)
    return found


def _said_by(saga: Saga, steps: tuple[StepDefinition, ...]) -> dict[EventType, StepDefinition]:
    said_by: dict[EventType, StepDefinition] = {}
    for step in steps:
        for event in step.says:
            name = event.__name__
            if event is saga.begins:
                mend = "say another event"
                refuse(step, f"it says {name}, which begins the saga", mend, rule="said-twice")
            if event in saga.external:
                mend = "take it off the saga's `external`, or say another event"
                refuse(step, f"it says {name}, which comes from outside", mend, rule="said-twice")
            other = said_by.setdefault(event, step)
            if other is not step:
                mend = "give each step outcomes of its own, and need `A | B` where either will do"
                message = f"it says {name}, as {other.spec.name} does"
                refuse(step, message, mend, rule="said-twice")
    return said_by


def _check_all_said(whole: Choreography) -> None:
    saga = whole.saga
    said = {saga.begins, *saga.external, *whole.said_by, *whole.coordinated, *ENDS}
    rows: list[tuple[str, EventType | None]] = [("completes", saga.completes)]
    rows += [("pivot", saga.pivot), *(("fails", event) for event in saga.fails)]
    rows += [("undo", undo.outcome) for undo in saga.undo]
    for deadline in saga.deadlines:
        rows += [("after", deadline.after), ("unless", deadline.unless)]
    for row, event in rows:
        if event is not None and event not in said:
            mend = "let a step return it, or list it in `external` if others publish it"
            saga.refuse(f"nobody says {event.__name__} ({row})", mend, rule="nobody-says")
    for step in whole.steps:
        for name, types in step.needs:
            for event in types:
                if event not in said:
                    _refuse_unsaid(step, name, event)


def _refuse_unsaid(step: StepDefinition, parameter: str, event: EventType) -> NoReturn:
    mend = "let a step return it, or list it in the saga's `external` if others publish it"
    if issubclass(event, Request):
        mend = "name it in a row of the saga's `undo` or `deadlines`"
    message = f"it needs {event.__name__} (`{parameter}`), which nobody says"
    refuse(step, message, mend, rule="nobody-says")


def _check_acyclic(whole: Choreography) -> None:
    """Each event happens once in a saga, so what leads back to itself never starts."""
    before: dict[EventType, set[EventType]] = {}
    for event, after in whole.coordinated.items():
        before.setdefault(event, set()).add(after)
    before[SagaCompleted] = {whole.saga.completes}
    before[SagaCompensated] = {SagaCancelled, *whole.saga.fails}
    for step in whole.steps:
        needed = {event for _, types in step.needs for event in types}
        for event in step.says:
            before.setdefault(event, set()).update(needed)
    try:
        TopologicalSorter(before).prepare()
    except CycleError as found:
        circle: list[EventType] = found.args[1]
        steps = [whole.said_by[event] for event in circle if event in whole.said_by]
        names = " -> ".join(event.__name__ for event in circle)
        mend = "let one of them need another event: in a saga each happens once"
        if not steps:
            whole.saga.refuse(f"these events wait for each other: {names}", mend, rule="cycle")
        refuse(steps[0], f"it waits for itself: {names}", mend, rule="cycle")


def _check_possible(whole: Choreography, step: StepDefinition) -> None:
    """A step that needs two answers of one other step would never run."""
    first: dict[str, EventType] = {}
    for event in sorted(whole.certain_of(step), key=lambda event: event.__name__):
        if event not in whole.said_by:
            continue
        sayer = whole.said_by[event].spec.name
        other = first.setdefault(sayer, event)
        if other is not event:
            both = f"{other.__name__} and {event.__name__}"
            mend = f"{sayer} says one or the other: write `A | B`, or two steps"
            message = f"it can never run: it comes after both {both}"
            refuse(step, message, mend, rule="never-runs")


def _check_resources(saga: Saga, step: StepDefinition) -> None:
    for name, resource in step.resources:
        if resource not in saga.provided:
            kind = resource.__name__
            mend = f"write {saga.name}.provide({kind}, real=..., simulated=...) beside the saga"
            refuse(step, f"nobody provides {kind} (`{name}`)", f"{mend}; or name an event")


def _check_undo(whole: Choreography, undo: Undo) -> None:
    request, undone = undo.request.__name__, undo.undone.__name__
    step = whole.said_by.get(undo.undone)
    if step is None or (undo.request,) not in (types for _, types in step.needs):
        mend = f"write a step that takes `request: {request}` and returns {undone}"
        message = f"no step undoes {undo.outcome.__name__}: none takes {request} and says {undone}"
        if step is not None:
            message = f"it says {undone} but does not take {request}"
            refuse(step, message, mend, rule="no-undo-step")
        whole.saga.refuse(message, mend, rule="no-undo-step")
    if step.says != (undo.undone,):
        mend = "an undo has one answer: raise RetryLater, or GiveUp so that a person decides"
        refuse(step, f"it undoes {undo.outcome.__name__} and may say more than {undone}", mend)
    there = whole.certain(undo.outcome) | {undo.request}
    for name, types in step.needs:
        if not there.intersection(types):
            needed = " | ".join(event.__name__ for event in types)
            mend = f"take {undo.outcome.__name__} or what always comes before it"
            message = f"it would wait for ever: {needed} (`{name}`) may not have happened"
            refuse(step, message, mend, rule="stuck")


def _check_undoes_perhaps(whole: Choreography, step: StepDefinition) -> None:
    """In doubt there is no outcome: no event to take, and no field to copy."""
    undos = [undo for undo in whole.saga.undo if undo.outcome in step.says]
    if not undos:
        mend = 'add an undo of its outcome to the saga, or write in_doubt="park"'
        refuse(step, 'in_doubt="undo", but none of its outcomes has an undo', mend)
    for undo in undos:
        request = undo.request
        further = sorted(request.model_fields.keys() - Request.model_fields.keys())
        if further:
            mend = f'remove them, or write in_doubt="park" on {step.spec.name}'
            what = f"{request.__name__} copies {', '.join(further)}"
            refuse(step, f'in_doubt="undo", but {what} from an outcome that may not be', mend)
        undoing = whole.undo_step(undo)
        if len(undoing.needs) > 1:
            mend = f'let it take the request alone, or write in_doubt="park" on {step.spec.name}'
            what = f"{undoing.spec.name} takes more than {request.__name__}"
            refuse(step, f'in_doubt="undo", but {what}', mend)
