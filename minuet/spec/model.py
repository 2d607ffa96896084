"""A workflow as plain data: what linter, diagrams, topic plan and core read. It holds no function.

Names of event types are class names; times are milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from minuet.settings.names import Named, Names

SEVEN_DAYS_MS = 7 * 24 * 3600 * 1000
ONE_DAY_MS = 24 * 3600 * 1000

CATEGORIES = ("retry", "reject", "poison", "bug")  # what an exception of a step may mean


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits of `first_ms`, times `factor` each, never over `most_ms`; `attempts` runs in all."""

    first_ms: int = 200
    factor: float = 2.0
    most_ms: int = 60_000
    attempts: int = 6


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a step's function.

    `kind` is `event` (then `types` are the event types, more than one for `A | B`),
    `resource` (then `types` is the resource's qualified class name) or `context`.
    """

    name: str
    kind: str
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step: what it needs, what it may say, and its policy.

    `in_doubt` is `ask`, `park`, `undo`, or empty for the default (`ask`; `park` for the pivot
    and beyond).
    """

    name: str
    parameters: tuple[Parameter, ...]
    says: tuple[str, ...]
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout_ms: int = 30_000
    breaker: str = ""
    in_doubt: str = ""
    file: str = ""
    line: int = 0

    @property
    def needs(self) -> tuple[tuple[str, ...], ...]:
        """The event types it needs: all of the outer, any of the inner."""
        return tuple(p.types for p in self.parameters if p.kind == "event")

    @property
    def resources(self) -> tuple[str, ...]:
        """The qualified names of its resources; a step without any is pure."""
        return tuple(p.types[0] for p in self.parameters if p.kind == "resource")


@dataclass(frozen=True, slots=True)
class UndoSpec:
    """`outcome` is undone by asking `request`, which is answered with `undone`."""

    outcome: str
    request: str
    undone: str


@dataclass(frozen=True, slots=True)
class DeadlineSpec:
    """`type` happens `within_ms` after `after`, unless `unless` has happened."""

    type: str
    after: str
    unless: str
    within_ms: int


@dataclass(frozen=True, slots=True)
class BreakerSpec:
    """A circuit breaker: `failures` in a row open it for `open_ms`; then one run is a probe."""

    name: str
    failures: int = 5
    open_ms: int = 10_000


@dataclass(frozen=True, slots=True)
class MigrationSpec:
    """A running saga of `version` goes on under this one, unless one of `unless` has happened."""

    version: str
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportSpec:
    """An event of elsewhere that becomes one of this workflow.

    Args:
        type: the event type here.
        key: its field that is the saga's id.
        log: the workflow on whose log it stands; else `topic`: a topic that Minuet does not own.
        named: its type there, on a log.
        format: of a topic's records: `avro` or `json`.
        fields: field here -> field there, where the names differ; a dot goes one deeper.
        id: the field here that is its id; empty for the id that it has on a log, or for one made
            of its place on a topic.
        prefix: of the log's workflow; None for that of this one.
    """

    type: str
    key: str
    log: str = ""
    topic: str = ""
    named: str = ""
    format: str = "avro"
    fields: tuple[tuple[str, str], ...] = ()
    id: str = ""
    prefix: str | None = None

    def source(self, prefix: str) -> Names:
        """Return the names of the log's workflow, for a workflow that runs behind `prefix`."""
        return Names(self.log, prefix if self.prefix is None else self.prefix)


def misplaced_import(spec: Spec) -> str:
    """Why an import cannot be, once it is known behind which prefix it is; empty if all can be."""
    seen: dict[tuple[str, str], str] = {}
    for each in spec.imports:
        topic = each.source(spec.prefix).log_topic if each.log else each.topic
        if topic == spec.log_topic:
            return f"{each.type} would come from {topic}, the workflow's own log: let a step say it"
        other = seen.setdefault((topic, each.named), each.type)
        if other != each.type:
            return f"{each.type} and {other} are made of the same records of {topic}: import one"
    return ""


@dataclass(frozen=True, slots=True)
class Spec(Named):
    """A whole workflow.

    Args:
        name: of the workflow; its log is `<name>.events`.
        key: the field of the begin event that is the saga's id.
        begins, completes: event types; `pivot` too, or empty when there is none.
        fails: the event types that make the saga fail, beside `SagaCancelled`.
        undo, deadlines, steps: in the order they were written.
        breakers: every one that a step names.
        errors: qualified name of an exception's class -> one of `CATEGORIES`.
        events: event type -> fingerprint of its schema.
        parallel_undo: undo all at once instead of in reverse order.
        partitions: of every topic of the workflow.
        duplicate_horizon_ms, early_ms: log time an ended saga, or an early event, is kept.
        migrations: which sagas of older versions go on under this one.
        imports: events of elsewhere, and where they come from.
        version: a digest of all of the above but files and lines.
        before: the older versions that are known: each saga finishes under its own.
        prefix: of every topic and group; where a workflow runs is no part of what it means.
    """

    name: str
    key: str
    begins: str
    completes: str
    pivot: str = ""
    fails: tuple[str, ...] = ()
    undo: tuple[UndoSpec, ...] = ()
    deadlines: tuple[DeadlineSpec, ...] = ()
    steps: tuple[StepSpec, ...] = ()
    breakers: tuple[BreakerSpec, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()
    events: tuple[tuple[str, str], ...] = ()
    parallel_undo: bool = False
    partitions: int = 6
    duplicate_horizon_ms: int = SEVEN_DAYS_MS
    early_ms: int = ONE_DAY_MS
    migrations: tuple[MigrationSpec, ...] = ()
    imports: tuple[ImportSpec, ...] = ()
    version: str = ""
    before: tuple[Spec, ...] = ()
    prefix: str = ""

    @property
    def import_group(self) -> str:
        """The consumer group that reads the sources of imports."""
        return self.named("imports")

    @property
    def import_topics(self) -> dict[str, tuple[ImportSpec, ...]]:
        """The topics that imports are read from, none of which is this workflow's own."""
        found: dict[str, tuple[ImportSpec, ...]] = {}
        for each in self.imports:
            topic = each.source(self.prefix).log_topic if each.log else each.topic
            found[topic] = (*found.get(topic, ()), each)
        return found

    @property
    def import_schema_topics(self) -> tuple[str, ...]:
        """The topics of schemas that imports from logs are read by."""
        found = (each.source(self.prefix).schema_topic for each in self.imports if each.log)
        return tuple(dict.fromkeys(found))

    def key_of(self, event_type: str) -> str:
        """Return the field that is the saga's id, of an event that comes from outside."""
        keys = (each.key for each in self.imports if each.type == event_type)
        return next(keys, self.key)
