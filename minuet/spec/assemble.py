"""Joins a saga and its steps to a workflow: the spec, which is plain data, and what runs it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Literal

from minuet.contracts.schema import avro_schema
from minuet.duration import parse_ms
from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.saga import Saga
from minuet.spec.check import check, check_models
from minuet.spec.model import DeadlineSpec, Spec, UndoSpec
from minuet.step import StepDefinition

Form = Literal["real", "simulated"]

_VERSION_DIGITS = 16


@dataclass(frozen=True)
class Workflow:
    """A saga with its steps.

    Args:
        spec: the whole as plain data.
        saga: the table.
        steps: by name, in the order of the spec.
        models: the workflow's own event classes, by name; Minuet's are in `event.platform`.
    """

    spec: Spec
    saga: Saga
    steps: Mapping[str, StepDefinition]
    models: Mapping[str, type[Event]]
    _made: dict[Form, dict[type, object]] = field(default_factory=dict, repr=False)

    def resources(self, form: Form) -> Mapping[type, object]:
        """Return what the steps reach the outside by, made at the first call.

        Raises:
            UsageError: a resource has no such form.
        """
        if form not in self._made:
            wanted = {r: s for s in self.steps.values() for _, r in s.resources}
            self._made[form] = {r: self._make(form, r, s) for r, s in wanted.items()}
        return self._made[form]

    def _make(self, form: Form, resource: type, step: StepDefinition) -> object:
        provided = self.saga.provided[resource]
        factory = provided.real if form == "real" else provided.simulated
        if factory is None:
            name = resource.__name__
            message = (
                f"{name}, which step {step.spec.name} takes, has no {form} form\n"
                f"  to mend: add {form}=... to {self.saga.name}.provide({name}, ...)"
            )
            raise UsageError(message)
        return factory()


def assemble(saga: Saga, steps: Iterable[StepDefinition]) -> Workflow:
    """Join a saga and its steps.

    Raises:
        DefinitionError: they do not fit; says where, and how to mend it.
    """
    steps = tuple(steps)
    check(saga, steps)
    models = check_models(saga, steps)
    events = tuple((name, avro_schema(models[name]).fingerprint) for name in sorted(models))
    spec = _spec(saga, steps, events)
    return Workflow(
        replace(spec, version=_version(spec)), saga, {s.spec.name: s for s in steps}, models
    )


def _spec(
    saga: Saga, steps: tuple[StepDefinition, ...], events: tuple[tuple[str, str], ...]
) -> Spec:
    return Spec(
        name=saga.name,
        key=saga.key,
        begins=saga.begins.__name__,
        completes=saga.completes.__name__,
        pivot=saga.pivot.__name__ if saga.pivot else "",
        fails=tuple(event.__name__ for event in saga.fails),
        undo=tuple(
            UndoSpec(undo.outcome.__name__, undo.request.__name__, undo.undone.__name__)
            for undo in saga.undo
        ),
        deadlines=tuple(
            DeadlineSpec(d.event.__name__, d.after.__name__, d.unless.__name__, parse_ms(d.within))
            for d in saga.deadlines
        ),
        steps=tuple(step.spec for step in steps),
        events=events,
        parallel_undo=saga.parallel_undo,
        partitions=saga.partitions,
        duplicate_horizon_ms=parse_ms(saga.duplicate_horizon),
    )


def _version(spec: Spec) -> str:
    """A digest of what a workflow means: where a step is written is no part of that."""
    plain = asdict(spec)
    del plain["version"]
    for step in plain["steps"]:
        del step["file"], step["line"]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]
