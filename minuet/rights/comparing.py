"""The rights that units need, beside those that the cluster keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from minuet.kafka import topics
from minuet.kafka.rights import ANY_NAME, EVERYBODY, Rule
from minuet.rights.needs import Unit, needs
from minuet.rights.wish import Principals
from minuet.spec.model import Spec

State = Literal["there", "missing", "denied", "too much", "further", "everybody", "elsewhere"]
STATES: dict[State, str] = {
    "there": "needed, and given",
    "missing": "needed, and not given: `apply` gives it",
    "denied": "needed, and a rule that denies it wins over every rule that allows it",
    "too much": "given, about this workflow, and not needed: `apply --remove` takes it",
    "further": "given, about this workflow and about what others have as well; never taken",
    "everybody": "given to everybody, about this workflow; never taken",
    "elsewhere": "given to one of these principals, about something else; never taken",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A rule, and how it stands; `units` are those that need it."""

    state: State
    rule: Rule
    units: tuple[str, ...] = ()


def compare(
    spec: Spec, principals: Principals, found: Collection[Rule], *, transactional: bool = False
) -> list[Row]:
    """Say of each rule that is needed, or stands there of these principals, how it stands."""
    wanted = _wanted(spec, principals, transactional=transactional)
    denials = [rule for rule in found if not rule.allows]
    rows = [Row(_state(rule, found, denials), rule, units) for rule, units in wanted.items()]
    ours = _ours(spec, principals)
    rows += _others(set(principals.values()), wanted, found, ours, spec.schema_topic)
    order = list(STATES)
    return sorted(rows, key=lambda row: (row.rule.principal, order.index(row.state), row.rule))


def _wanted(
    spec: Spec, principals: Principals, *, transactional: bool
) -> dict[Rule, tuple[str, ...]]:
    """Each rule that is needed, with the units that need it: they may have one principal."""
    wanted: dict[Rule, tuple[str, ...]] = {}
    for unit, principal in principals.items():
        for right in needs(spec, unit, [*principals], transactional=transactional):
            rule = Rule(principal, right.kind, right.name, right.operation)
            wanted[rule] = (*wanted.get(rule, ()), unit.name)
    return _without_implied(wanted)


def _without_implied(wanted: dict[Rule, tuple[str, ...]]) -> dict[Rule, tuple[str, ...]]:
    """A principal of two units may have by the one what the other asks for."""
    more = {"Describe": ("Read", "Write"), "DescribeConfigs": ("AlterConfigs",)}

    def is_implied(rule: Rule) -> bool:
        stronger = more.get(rule.operation, ())
        return any(Rule(rule.principal, rule.kind, rule.name, each) in wanted for each in stronger)

    return {rule: units for rule, units in wanted.items() if not is_implied(rule)}


def _state(rule: Rule, found: Collection[Rule], denials: Iterable[Rule]) -> State:
    if any(_denies(each, rule) for each in denials):
        return "denied"
    return "there" if rule in found else "missing"


def _denies(denial: Rule, rule: Rule) -> bool:
    return (
        denial.principal in (rule.principal, EVERYBODY)
        and denial.kind == rule.kind
        and denial.operation in (rule.operation, "All")
        and _covers(denial, rule.name)
    )


def _covers(rule: Rule, name: str) -> bool:
    if rule.pattern == "prefixed":
        return name.startswith(rule.name)
    return rule.name in (ANY_NAME, name)


def _ours(spec: Spec, units: Iterable[Unit]) -> frozenset[str]:
    """Names that are this workflow's: of topics, groups and transactional ids."""
    groups = {unit.group for unit in units if unit.does}
    if spec.imports:
        groups.add(spec.import_group)
    return frozenset({spec.group, *groups, *(plan.name for plan in topics.plan(spec))})


def _others(
    principals: set[str], wanted: Collection[Rule], found: Iterable[Rule],
    ours: frozenset[str], shared: str,
) -> Iterator[Row]:  # fmt: skip
    for rule in found:
        if not rule.allows or rule in wanted:
            continue
        about_us = rule.kind != "Cluster" and _is_about(rule, ours)
        if rule.principal in principals:
            further: State = "further" if _reaches_further(rule, ours, shared) else "too much"
            yield Row(further if about_us else "elsewhere", rule)
        elif rule.principal == EVERYBODY and about_us:
            yield Row("everybody", rule)


def _reaches_further(rule: Rule, ours: frozenset[str], shared: str) -> bool:
    """Whether it may be needed for what is not this workflow's, as for another of its team."""
    if rule.pattern == "prefixed":
        return not rule.name.startswith(tuple(f"{each}." for each in ours - {shared}))
    return rule.name == ANY_NAME or (rule.kind == "Topic" and rule.name == shared)


def _is_about(rule: Rule, ours: frozenset[str]) -> bool:
    """Whether it says something of what is this workflow's, by its names."""
    if any(_covers(rule, name) for name in ours):
        return True
    return rule.name.startswith(tuple(f"{each}." for each in ours))
