"""The topics of a workflow: planned from its spec, made, compared, and checked before use.

The log must be `delete` (a compacted topic keeps the last record, and here the first one wins)
and stamped by the broker (`LogAppendTime`), because deadlines are counted in log time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic, sleep
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from minuet.errors import BrokerError, UsageError
from minuet.kafka.connection import Connection
from minuet.spec.model import ONE_DAY_MS, SEVEN_DAYS_MS, Spec

_REPLICAS_MOST = 3
_REQUEST_S = 10.0  # after the broker was reached, which takes 5 s at most
_FOREVER = "-1"
_TIMESTAMPS = "message.timestamp.type"
_LOG_APPEND = "LogAppendTime"


@dataclass(frozen=True)
class TopicPlan:
    """A topic as it should be; settings it does not name are the broker's."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """One way in which a topic is not as planned.

    `setting` is `topic` (it is missing), `partitions`, `replicas`, or the name of a setting.
    """

    topic: str
    setting: str
    now: str
    wanted: str

    @property
    def mendable(self) -> bool:
        """Whether `apply` can make it so: a keyed topic never gets other partitions."""
        return self.setting not in ("partitions", "replicas")

    def __str__(self) -> str:
        if self.setting == "topic":
            return f"{self.topic}: is missing; make it with {self.wanted}"
        note = "" if self.mendable else "  (needs a migration to a new topic)"
        return f"{self.topic}: {self.setting} {self.now} -> {self.wanted}{note}"


def plan(spec: Spec) -> tuple[TopicPlan, ...]:
    """The topics that a workflow needs."""
    keep = {"cleanup.policy": "delete", "retention.ms": _FOREVER, "retention.bytes": _FOREVER}
    rows = {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": str(ONE_DAY_MS),
        "delete.retention.ms": str(SEVEN_DAYS_MS),  # longer than a worker may be away
    }
    calls = {"cleanup.policy": "delete", "retention.ms": str(ONE_DAY_MS), _TIMESTAMPS: _LOG_APPEND}
    return (
        TopicPlan(spec.log_topic, spec.partitions, {**keep, _TIMESTAMPS: _LOG_APPEND}),
        TopicPlan(spec.table_topic, spec.partitions, rows),
        *(TopicPlan(topic, spec.partitions, calls) for topic in spec.retry_topics),
        TopicPlan(spec.dead_letter_topic, spec.partitions, keep),
        TopicPlan(spec.operations_topic, spec.partitions, keep),
        TopicPlan(spec.schema_topic, 1, {"cleanup.policy": "compact"}),
    )


def differences(connection: Connection, plans: Iterable[TopicPlan]) -> list[Difference]:
    """What is not as planned; empty when nothing is to do.

    Raises:
        BrokerError: the broker cannot be reached, or refuses to tell.
    """
    found = connection.reach()
    plans = _placed(plans, found)
    there = [p for p in plans if p.name in found.topics and found.topics[p.name].error is None]
    _refuse_hidden(connection, [p.name for p in plans if p not in there])
    settings = _settings(connection, [p.name for p in there])
    result = []
    for wanted in plans:
        if wanted not in there:
            text = f"{wanted.partitions} partition{'s' * (wanted.partitions > 1)}"
            result.append(Difference(wanted.name, "topic", "missing", text))
        else:
            result += _compare(wanted, found, settings[wanted.name])
    return result


def apply(connection: Connection, plans: Sequence[TopicPlan]) -> list[Difference]:
    """Create what is missing, set what differs, and return what was done.

    A difference that is not `mendable` is left: `differences` still shows it.

    Raises:
        BrokerError: the broker cannot be reached, or refuses.
    """
    todo = [d for d in differences(connection, plans) if d.mendable]
    found = connection.reach()
    admin = connection.admin()
    placed = {p.name: p for p in _placed(plans, found)}
    create = [placed[d.topic] for d in todo if d.setting == "topic"]
    _create(connection, admin, create, min(_REPLICAS_MOST, len(found.brokers)))
    _alter(connection, admin, [d for d in todo if d.setting != "topic"])
    _await(connection, create)
    return todo


def delete(connection: Connection, spec: Spec, *, schemas: bool = False) -> None:
    """Delete a workflow's topics that are there, and all that stands on them.

    The schemas stay, which workflows share, but where they are said to go as well.

    Raises:
        BrokerError: the broker cannot be reached, or refuses.
    """
    there = connection.reach().topics
    kept = "" if schemas else spec.schema_topic
    names = [p.name for p in plan(spec) if p.name in there and p.name != kept]
    if not names:
        return
    admin = connection.admin()
    for name, future in admin.delete_topics(names, request_timeout=_REQUEST_S).items():
        _done(connection, future, f"topic {name}", "Delete", KafkaError.UNKNOWN_TOPIC_OR_PART)


def needed(spec: Spec) -> tuple[TopicPlan, ...]:
    """The topics without which no work starts: all but that of operations."""
    return tuple(each for each in plan(spec) if each.name != spec.operations_topic)


def check(connection: Connection, spec: Spec) -> None:
    """Make sure, before work starts, that a workflow's topics keep its promises.

    The topic of operations is not looked at: no worker needs it.

    Raises:
        BrokerError: the broker cannot be reached.
        UsageError: a topic is missing, has other partitions, or a clock or cleanup that would
            change what the log means.
    """
    matters = ("topic", "partitions", "cleanup.policy", _TIMESTAMPS)
    wrong = [d for d in differences(connection, needed(spec)) if d.setting in matters]
    if not wrong:
        return
    first = wrong[0]
    if first.setting == "partitions":
        message = (
            f"{connection.name}: {first.topic} has {first.now} partitions and the workflow "
            f"{spec.name} says {first.wanted}: say partitions={first.now} in its saga; "
            "another number is a migration to a new log, because every key would move"
        )
    else:
        message = f"{connection.name}: {first}: run `minuet topics apply {spec.name}`"
    raise UsageError(message)


def _placed(plans: Iterable[TopicPlan], found: ClusterMetadata) -> list[TopicPlan]:
    """The plans for this cluster: with three replicas a write needs two."""
    if len(found.brokers) < _REPLICAS_MOST:
        return list(plans)
    return [replace(p, config={**p.config, "min.insync.replicas": "2"}) for p in plans]


def _compare(
    wanted: TopicPlan, found: ClusterMetadata, config: Mapping[str, str]
) -> list[Difference]:
    parts = found.topics[wanted.name].partitions
    replicas = min((len(p.replicas) for p in parts.values()), default=0)
    pairs = [
        ("partitions", str(len(parts)), str(wanted.partitions)),
        ("replicas", str(replicas), str(max(replicas, min(_REPLICAS_MOST, len(found.brokers))))),
        *((name, config.get(name, ""), value) for name, value in wanted.config.items()),
    ]
    return [Difference(wanted.name, name, now, then) for name, now, then in pairs if now != then]


def _settings(connection: Connection, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    admin = connection.admin()  # must outlive its answers: they are lost with it
    answers = admin.describe_configs(asked, request_timeout=_REQUEST_S)
    return {
        resource.name: {
            name: str(entry.value)
            for name, entry in _done(
                connection, future, f"topic {resource.name}", "DescribeConfigs"
            ).items()
        }
        for resource, future in answers.items()
    }


def _create(
    connection: Connection, admin: AdminClient, plans: Sequence[TopicPlan], replicas: int
) -> None:
    if not plans:
        return
    new = [NewTopic(p.name, p.partitions, replicas, config=dict(p.config)) for p in plans]
    for name, future in admin.create_topics(new, request_timeout=_REQUEST_S).items():
        _done(connection, future, f"topic {name}", "Create", KafkaError.TOPIC_ALREADY_EXISTS)


def _alter(connection: Connection, admin: AdminClient, todo: Sequence[Difference]) -> None:
    entries: dict[str, list[ConfigEntry]] = {}
    for d in todo:
        entry = ConfigEntry(d.setting, d.wanted, incremental_operation=AlterConfigOpType.SET)
        entries.setdefault(d.topic, []).append(entry)
    if not entries:
        return
    asked = [
        ConfigResource(ResourceType.TOPIC, name, incremental_configs=changes)
        for name, changes in entries.items()
    ]
    answers = admin.incremental_alter_configs(asked, request_timeout=_REQUEST_S)
    for resource, future in answers.items():
        _done(connection, future, f"topic {resource.name}", "AlterConfigs")


def _await(connection: Connection, plans: Sequence[TopicPlan]) -> None:
    """Wait until every partition of the new topics has a leader; creation returns before."""
    until = monotonic() + _REQUEST_S
    while plans:
        topics = connection.reach().topics
        ready = [
            p.name in topics
            and len(topics[p.name].partitions) == p.partitions
            and all(part.leader >= 0 for part in topics[p.name].partitions.values())
            for p in plans
        ]
        if all(ready):
            return
        if monotonic() > until:
            message = f"{connection.name}: the new topics have no leader yet"
            raise BrokerError(message)
        sleep(0.05)


def _refuse_hidden(connection: Connection, names: Sequence[str]) -> None:
    """Tell a topic that this user may not see from one that is not there."""
    if not names:
        return
    admin = connection.admin()
    answers = admin.describe_topics(TopicCollection(list(names)), request_timeout=_REQUEST_S)
    for name, future in answers.items():
        _done(connection, future, f"topic {name}", "Describe", KafkaError.UNKNOWN_TOPIC_OR_PART)


def _done(
    connection: Connection, future: Any, about: str, right: str, unless: int | None = None
) -> Any:
    try:
        return future.result(timeout=_REQUEST_S)
    except KafkaException as failure:
        if failure.args[0].code() != unless:
            raise connection.error(failure, about, right) from failure
    except TimeoutError as failure:
        message = f"{connection.name}: {about}: no answer within {_REQUEST_S:.0f} s"
        raise BrokerError(message) from failure
    return None
