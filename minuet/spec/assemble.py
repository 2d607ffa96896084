"""Joins a saga and its steps to a workflow: the spec, which is plain data, and what runs it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Literal

from minuet.contracts.schema import avro_schema
from minuet.duration import parse_ms
from minuet.errors import UsageError
from minuet.event.model import Event
from minuet.saga import Saga
from minuet.spec.check import check, check_models
from minuet.spec.model import BreakerSpec, DeadlineSpec, MigrationSpec, Spec, UndoSpec
from minuet.step import StepDefinition, qualified

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

    def resources(self, form: Form, steps: Collection[str] | None = None) -> Mapping[type, object]:
        """Return what the steps reach the outside by, each made when it is first asked for.

        Args:
            form: of the resources.
            steps: names of those that are to be run; None for all.

        Raises:
            UsageError: a resource has no such form.
        """
        self.check_form(form, steps)
        made = self._made.setdefault(form, {})
        wanted = self._wanted(steps)
        for resource in wanted:
            factory = self._factory(form, resource)
            if resource not in made and factory is not None:
                made[resource] = factory()
        return {resource: made[resource] for resource in wanted}

    def given(self, resources: Mapping[type, object]) -> Workflow:
        """Return the workflow with these in the place of simulated forms; the rest is made anew.

        Args:
            resources: class -> what the steps get for it.

        Raises:
            UsageError: no step asks for one of them.
        """
        wanted = self._wanted(None)
        for resource in resources:
            if resource not in wanted:
                names = ", ".join(sorted(each.__name__ for each in wanted)) or "none"
                message = (
                    f"no step of {self.saga.name} takes a {resource.__name__}; they take: {names}"
                )
                raise UsageError(message)
        return replace(self, _made={"simulated": dict(resources)})

    def check_form(self, form: Form, steps: Collection[str] | None = None) -> None:
        """Make sure that all resources of these steps have this form, without making any.

        Raises:
            UsageError: one has not; says how to mend it.
        """
        made = self._made.get(form, {})
        for resource, step in self._wanted(steps).items():
            if resource not in made and self._factory(form, resource) is None:
                name = resource.__name__
                message = (
                    f"{name}, which step {step} takes, has no {form} form\n"
                    f"  to mend: add {form}=... to {self.saga.name}.provide({name}, ...)"
                )
                raise UsageError(message)

    def _wanted(self, steps: Collection[str] | None) -> dict[type, str]:
        """The resources of these steps, each with a step that takes it."""
        return {
            resource: name
            for name, step in self.steps.items()
            if steps is None or name in steps
            for _, resource in step.resources
        }

    def _factory(self, form: Form, resource: type) -> Callable[[], object] | None:
        provided = self.saga.provided[resource]
        return provided.real if form == "real" else provided.simulated


def assemble(saga: Saga, steps: Iterable[StepDefinition], before: Sequence[Spec] = ()) -> Workflow:
    """Join a saga and its steps.

    Args:
        saga: the table.
        steps: in any order.
        before: the committed versions, the oldest first.

    Raises:
        DefinitionError: they do not fit; says where, and how to mend it.
    """
    steps = tuple(steps)
    check(saga, steps)
    models = check_models(saga, steps)
    events = tuple((name, avro_schema(models[name]).fingerprint) for name in sorted(models))
    spec = replace(_spec(saga, steps, events), migrations=_migrations(saga, before))
    spec = replace(spec, version=_version(spec))
    older = tuple(each for each in before if each.version != spec.version)
    named = {step.spec.name: step for step in steps}
    return Workflow(replace(spec, before=older), saga, named, models)


def _migrations(saga: Saga, before: Sequence[Spec]) -> tuple[MigrationSpec, ...]:
    """The rules by which sagas leave older versions, with the digests of these."""
    found = []
    for rule in saga.migrates:
        if not 1 <= rule.from_version <= len(before):
            known = f"there are 1 to {len(before)}" if before else "none is committed"
            mend = f"run `minuet spec export {saga.name}` on the code that began these sagas"
            saga.refuse(f"Migrate({rule.from_version}): there is no such version: {known}", mend)
        version = before[rule.from_version - 1].version
        found.append(MigrationSpec(version, tuple(event.__name__ for event in rule.unless)))
    return tuple(found)


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
        breakers=_breakers(saga, steps),
        errors=tuple(sorted((qualified(error), c) for error, c in saga.categories.items())),
        events=events,
        parallel_undo=saga.parallel_undo,
        partitions=saga.partitions,
        imports=tuple(saga.imported.values()),
        duplicate_horizon_ms=parse_ms(saga.duplicate_horizon),
    )


def _breakers(saga: Saga, steps: tuple[StepDefinition, ...]) -> tuple[BreakerSpec, ...]:
    """The breakers that steps name, as the saga sets them or by default."""
    named = sorted({step.spec.breaker for step in steps} - {""})
    if unknown := sorted(saga.breakers.keys() - set(named)):
        mend = f'write @step(breaker="{unknown[0]}") on a step, or leave the breaker out'
        saga.refuse(f"no step has the breaker {unknown[0]!r}", mend)
    return tuple(saga.breakers.get(name, BreakerSpec(name)) for name in named)


def _version(spec: Spec) -> str:
    """A digest of what a workflow means: no place is part of that, of a step or of a topic."""
    plain = asdict(spec)
    del plain["version"], plain["before"], plain["prefix"]
    if not spec.migrations:
        del plain["migrations"]  # a version without any has the digest that it always had
    if not spec.imports:
        del plain["imports"]
    for step in plain["steps"]:
        del step["file"], step["line"]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]
