"""The rights that a cluster keeps (its ACLs): read, given and taken away.

A broker answers before it obeys: what was given is there some milliseconds later. So who gives or
takes waits until every rule is seen as it should be.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import TimeoutError as NotInTimeError
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from minuet.errors import BrokerError
from minuet.kafka.connection import REACH_S, Connection

EVERYBODY = "User:*"
ANY_NAME = "*"
DESCRIBE, ALTER = "Describe of the cluster", "Alter of the cluster"

_REQUEST_S = 10.0
_AGAIN_S = 0.05

_KINDS = {
    "Topic": ResourceType.TOPIC,
    "Group": ResourceType.GROUP,
    "TransactionalId": ResourceType.TRANSACTIONAL_ID,
    "Cluster": ResourceType.BROKER,
}
_PATTERNS = {"literal": ResourcePatternType.LITERAL, "prefixed": ResourcePatternType.PREFIXED}
_OPERATIONS = {
    "All": AclOperation.ALL,
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Create": AclOperation.CREATE,
    "Delete": AclOperation.DELETE,
    "Alter": AclOperation.ALTER,
    "Describe": AclOperation.DESCRIBE,
    "ClusterAction": AclOperation.CLUSTER_ACTION,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    "AlterConfigs": AclOperation.ALTER_CONFIGS,
    "IdempotentWrite": AclOperation.IDEMPOTENT_WRITE,
}
_KIND_NAMES = {kind: name for name, kind in _KINDS.items()}
_PATTERN_NAMES = {pattern: name for name, pattern in _PATTERNS.items()}
_OPERATION_NAMES = {operation: name for name, operation in _OPERATIONS.items()}


@dataclass(frozen=True, order=True, slots=True)
class Rule:
    """One rule: who may, or may not, do what with which resource.

    Args:
        principal: as `User:orders`; `User:*` is everybody.
        kind: `Topic`, `Group`, `TransactionalId` or `Cluster`.
        name: of the resource, or how its name begins; `*` for any.
        operation: in Kafka's word, as `Read`.
        pattern: `literal` or `prefixed`.
        allows: whether it gives the right; else it takes it away, whoever else gives it.
        host: from where; `*` for anywhere.
    """

    principal: str
    kind: str
    name: str
    operation: str
    pattern: str = "literal"
    allows: bool = True
    host: str = "*"


_NOBODYS = Rule("User:nobody of minuet", "Topic", "nothing of minuet", "Read")


def found(connection: Connection) -> set[Rule]:
    """Return the rules of the cluster, but for those about things that Minuet has none of.

    Raises:
        BrokerError: the broker cannot be reached, keeps no rights, or does not tell this user.
    """
    connection.reach()
    every = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None,  # type: ignore[arg-type]
        AclOperation.ANY, AclPermissionType.ANY,
    )  # fmt: skip
    admin = connection.admin()  # must outlive its answers: they are lost with it
    answer = admin.describe_acls(every, request_timeout=_REQUEST_S)
    bindings = _answered(connection, answer, DESCRIBE)
    if not bindings:
        _refuse_silence(connection, admin)
    return {rule for each in bindings if (rule := _rule(each)) is not None}


def _refuse_silence(connection: Connection, admin: AdminClient) -> None:
    """Tell a cluster without a rule from one that tells none: the client passes on no error.

    What this user may do with the cluster is asked for; and that a rule which nobody has be taken
    away, which a cluster without rights refuses.
    """
    about = admin.describe_cluster(include_authorized_operations=True, request_timeout=_REQUEST_S)
    may = _answered(connection, about, DESCRIBE).authorized_operations or ()
    if AclOperation.DESCRIBE not in may:
        refusal = KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED)
        raise connection.error(refusal, "rights", DESCRIBE)
    nothing = AclBindingFilter(*_parts(_NOBODYS))
    [answer] = admin.delete_acls([nothing], request_timeout=_REQUEST_S).values()
    try:
        answer.result(_REQUEST_S + REACH_S)
    except KafkaException as failure:
        if failure.args[0].code() != KafkaError.CLUSTER_AUTHORIZATION_FAILED:
            raise connection.error(failure, "rights") from failure


def give(connection: Connection, rules: Collection[Rule]) -> None:
    """Make these rules, and wait until the broker obeys them.

    Raises:
        BrokerError: the broker cannot be reached, or refuses.
    """
    admin = connection.admin()
    answers = admin.create_acls([_binding(rule) for rule in rules], request_timeout=_REQUEST_S)
    for answer in answers.values():
        _answered(connection, answer, ALTER)
    _await(connection, rules, there=True)


def take(connection: Connection, rules: Collection[Rule]) -> None:
    """Take these rules away, and wait until the broker knows them no more.

    Raises:
        BrokerError: the broker cannot be reached, or refuses.
    """
    admin = connection.admin()
    filters = [AclBindingFilter(*_parts(rule)) for rule in rules]
    for answer in admin.delete_acls(filters, request_timeout=_REQUEST_S).values():
        _answered(connection, answer, ALTER)
    _await(connection, rules, there=False)


def _await(connection: Connection, rules: Collection[Rule], *, there: bool) -> None:
    """Wait until all of these are there, or none of them is."""
    until = monotonic() + _REQUEST_S
    while True:
        now = found(connection)
        late = [rule for rule in rules if (rule in now) is not there]
        if not late:
            return
        if monotonic() > until:
            first = f"{late[0].principal} {late[0].operation} {late[0].kind} {late[0].name}"
            message = f"{connection.name}: {len(late)} rules are not obeyed yet, as {first}"
            raise BrokerError(message)
        sleep(_AGAIN_S)


def _answered(connection: Connection, answer: Any, right: str) -> Any:
    try:
        return answer.result(_REQUEST_S + REACH_S)
    except KafkaException as failure:
        raise connection.error(failure, "rights", right=right) from failure
    except NotInTimeError as failure:
        message = f"{connection.name}: rights: no answer within {_REQUEST_S:.0f} s"
        raise BrokerError(message) from failure


def _parts(rule: Rule) -> tuple[Any, ...]:
    permission = AclPermissionType.ALLOW if rule.allows else AclPermissionType.DENY
    return (
        _KINDS[rule.kind], rule.name, _PATTERNS[rule.pattern], rule.principal, rule.host,
        _OPERATIONS[rule.operation], permission,
    )  # fmt: skip


def _binding(rule: Rule) -> AclBinding:
    return AclBinding(*_parts(rule))


def _rule(binding: AclBinding) -> Rule | None:
    """A rule as we have it; None for one about a delegation token, or of another kind."""
    kind = _KIND_NAMES.get(ResourceType(binding.restype))
    operation = _OPERATION_NAMES.get(AclOperation(binding.operation))
    pattern = _PATTERN_NAMES.get(ResourcePatternType(binding.resource_pattern_type))
    if kind is None or operation is None or pattern is None:
        return None
    allows = binding.permission_type == AclPermissionType.ALLOW
    return Rule(
        binding.principal, kind, binding.name, operation, pattern, allows, binding.host
    )  # fmt: skip
