"""The least rights with which each part of a workflow does its work, from its spec alone.

`Read`, `Write` and `Delete` imply `Describe`, and `AlterConfigs` implies `DescribeConfigs`: what is
implied is not asked for. All names are exact: no prefix, which would reach further.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from minuet.engines.native_transactions import identity
from minuet.kafka import topics
from minuet.signature import COORDINATOR
from minuet.spec.model import Spec

PUBLISHER = "publisher"
READER = "reader"
OPERATOR = "operator"
DEPLOYER = "deployer"
IMPORTER = "importer"
ROLES = {
    PUBLISHER: "begins sagas: `minuet publish`, `minuet ingest`, a `Publisher` in a service",
    READER: "looks: `saga list`, `incidents`, `verify`, `replay` into a file, `whatif`",
    OPERATOR: "looks and acts: `saga resume`, `dead-letters redrive`, `rebuild`",
    DEPLOYER: "makes the topics, and registers schemas",
    IMPORTER: "brings events of other logs and topics: `minuet import`",
}


@dataclass(frozen=True, order=True, slots=True)
class Right:
    """What may be done with which resource, in Kafka's words."""

    kind: str
    name: str
    operation: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a workflow that logs in as somebody.

    Args:
        name: of a step, `coordinator`, names joined by `+`, `worker` for all, or a role.
        does: the steps, and `coordinator`, of a worker; empty for a role.
        group: of a worker.
    """

    name: str
    does: frozenset[str] = frozenset()
    group: str = ""

    @property
    def coordinates(self) -> bool:
        """Whether it has the coordinator's part."""
        return COORDINATOR in self.does


def needs(
    spec: Spec, unit: Unit, others: Collection[Unit], *, transactional: bool = False
) -> frozenset[Right]:
    """The rights that a unit needs, and no others.

    Args:
        spec: of the workflow.
        unit: which part of it.
        others: all units that are known: each worker looks whether another does what it does;
            and where a deployer registers schemas, nobody else may.
        transactional: its workers write in transactions.
    """
    groups = [other.group for other in others if other.does]
    if unit.does:
        rights = {*_of_worker(spec, unit, groups, transactional=transactional)}
    else:
        rights = {*_OF_ROLES[unit.name](spec, groups)}
    is_silent = not unit.does and unit.name in (READER, DEPLOYER)  # steps may have these names
    if not is_silent and not any(o.name == DEPLOYER and not o.does for o in others):
        rights |= {*_topic(spec.schema_topic, "Write")}
    return frozenset(rights)


def _topic(name: str, *operations: str) -> Iterator[Right]:
    return (Right("Topic", name, operation) for operation in operations)


def _checked(spec: Spec) -> Iterator[Right]:
    """What makes sure, before anything begins, that the topics are as they should be."""
    for plan in topics.needed(spec):
        yield from _topic(plan.name, "DescribeConfigs")


def _of_worker(
    spec: Spec, unit: Unit, groups: Iterable[str], *, transactional: bool
) -> Iterator[Right]:
    yield from _checked(spec)
    yield from _topic(spec.log_topic, "Read", "Write")
    yield from _topic(spec.table_topic, "Read", *(["Write"] if unit.coordinates else []))
    for topic in spec.retry_topics:
        yield from _topic(topic, "Read", "Write")
    yield from _topic(spec.dead_letter_topic, "Write")
    yield from _topic(spec.schema_topic, "Read")
    yield Right("Group", unit.group, "Read")
    for group in {*groups, spec.group} - {unit.group}:
        yield Right("Group", group, "Describe")
    if spec.imports and unit.coordinates:  # it says when nobody imports
        yield Right("Group", spec.import_group, "Describe")
    if transactional:
        for number in range(spec.partitions):
            yield Right("TransactionalId", identity(unit.group, number), "Write")


def _of_publisher(spec: Spec, _: Iterable[str]) -> Iterator[Right]:
    yield from _checked(spec)
    others = [spec.table_topic, *spec.retry_topics, spec.dead_letter_topic]
    for topic in others:
        yield from _topic(topic, "Describe")
    yield from _topic(spec.log_topic, "Write")
    yield from _topic(spec.schema_topic, "Read")


def _of_importer(spec: Spec, _: Iterable[str]) -> Iterator[Right]:
    yield from _checked(spec)
    for topic in (spec.table_topic, *spec.retry_topics):
        yield from _topic(topic, "Describe")
    yield from _topic(spec.log_topic, "Write")
    yield from _topic(spec.dead_letter_topic, "Write")
    for topic in {spec.schema_topic, *spec.import_topics, *spec.import_schema_topics}:
        yield from _topic(topic, "Read")
    yield Right("Group", spec.import_group, "Read")


def _of_events(spec: Spec) -> Sequence[str]:
    """The topics of what happened, and of what was made of it."""
    return (spec.log_topic, spec.table_topic, spec.dead_letter_topic, spec.operations_topic)


def _of_reader(spec: Spec, groups: Iterable[str]) -> Iterator[Right]:
    yield from _checked(spec)
    for topic in (*_of_events(spec), spec.schema_topic):
        yield from _topic(topic, "Read")
    for topic in spec.retry_topics:
        yield from _topic(topic, "Describe")
    for group in {*groups, spec.group}:
        yield Right("Group", group, "Describe")


def _of_operator(spec: Spec, groups: Iterable[str]) -> Iterator[Right]:
    yield from _of_reader(spec, groups)
    for topic in _of_events(spec):
        yield from _topic(topic, "Write")


def _of_deployer(spec: Spec, _: Iterable[str]) -> Iterator[Right]:
    for plan in topics.plan(spec):
        yield from _topic(plan.name, "Create", "Describe", "AlterConfigs")
    yield from _topic(spec.schema_topic, "Read", "Write")


_OF_ROLES = {
    PUBLISHER: _of_publisher,
    READER: _of_reader,
    OPERATOR: _of_operator,
    DEPLOYER: _of_deployer,
    IMPORTER: _of_importer,
}
