"""The rights that each unit of a workflow needs: these, and no others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from minuet.errors import UsageError
from minuet.kafka.rights import Rule
from minuet.rights.comparing import Row, compare
from minuet.rights.needs import Right, Unit, needs
from minuet.rights.wish import principals
from minuet.spec import project as projects
from minuet.spec.model import Spec
from tests.installed import ROOT
from tests.unit.imports.goods import goods

SPEC = projects.load("orders", ROOT).spec


def of(name: str, *others: str, transactional: bool = False) -> set[Right]:
    there = {u.name: u for u in principals(SPEC, [f"{n}=User:x" for n in (name, *others)])}
    return set(needs(SPEC, there[name], [*there.values()], transactional=transactional))


def written(rights: set[Right], operation: str) -> set[str]:
    return {each.name for each in rights if each.kind == "Topic" and each.operation == operation}


def test_only_the_coordinator_writes_rows() -> None:
    assert "orders.sagas" in written(of("coordinator"), "Write")
    assert written(of("charge_payment", "deployer"), "Write") == {
        "orders.events", "orders.dead-letters", *SPEC.retry_topics,
    }  # fmt: skip


def test_a_worker_reads_nothing_that_persons_wrote_about_and_no_dead_letters() -> None:
    read = written(of("charge_payment"), "Read")
    assert read == {"orders.events", "orders.sagas", "minuet.schemas", *SPEC.retry_topics}


def test_where_somebody_deploys_nobody_else_writes_schemas() -> None:
    for name in ("coordinator", "charge_payment", "worker", "publisher", "reader", "operator"):
        assert "minuet.schemas" not in written(of(name, "deployer"), "Write"), name
    assert "minuet.schemas" in written(of("deployer"), "Write")


def test_where_nobody_does_each_that_writes_events_registers_what_it_writes() -> None:
    for name in ("coordinator", "charge_payment", "worker", "publisher", "operator"):
        assert "minuet.schemas" in written(of(name), "Write"), name
    assert "minuet.schemas" not in written(of("reader"), "Write")


def test_who_looks_writes_nothing_and_who_publishes_reads_no_event() -> None:
    assert written(of("reader"), "Write") == set()
    assert written(of("publisher"), "Read") == {"minuet.schemas"}
    assert written(of("publisher", "deployer"), "Write") == {"orders.events"}


def test_a_unit_joins_its_own_group_and_sees_the_others() -> None:
    rights = of("charge_payment", "reserve_stock")
    groups = {(r.name, r.operation) for r in rights if r.kind == "Group"}
    assert groups == {
        ("orders.charge_payment", "Read"),
        ("orders", "Describe"),
        ("orders.reserve_stock", "Describe"),
    }


def test_transactional_ids_are_those_of_the_unit_and_only_where_it_writes_so() -> None:
    assert not any(r.kind == "TransactionalId" for r in of("charge_payment"))
    rights = of("charge_payment", transactional=True)
    found = {r for r in rights if r.kind == "TransactionalId"}
    assert found == {
        Right("TransactionalId", f"orders.charge_payment.{n}", "Write")
        for n in range(SPEC.partitions)
    }


def test_a_principal_for_each_step() -> None:
    found = principals(SPEC, ["charge_payment+refund_payment=User:pay"], per_step=True)
    assert found[unit(found, "charge_payment+refund_payment")] == "User:pay"
    assert found[unit(found, "coordinator")] == "User:orders.coordinator"
    assert {u.name for u in found} == {
        "coordinator", "charge_payment+refund_payment", "publisher", "reader",
        *(s.name for s in SPEC.steps if s.name not in ("charge_payment", "refund_payment")),
    }  # fmt: skip
    assert unit(found, "charge_payment+refund_payment").group == (
        "orders.charge_payment+refund_payment"
    )


def unit(found: dict[Unit, str], name: str) -> Unit:
    [one] = [each for each in found if each.name == name]
    return one


def test_the_worker_of_everything_has_the_group_of_the_coordinator() -> None:
    one = unit(principals(SPEC, ["worker=User:orders"]), "worker")
    assert one.group == "orders"
    assert one.coordinates
    assert len(one.does) == len(SPEC.steps) + 1


def test_a_group_of_ones_own() -> None:
    found = principals(SPEC, ["charge_payment=User:pay"], ["charge_payment=payments"])
    assert unit(found, "charge_payment").group == "payments"


@pytest.mark.parametrize(
    ("named", "groups", "said"),
    [
        ([], [], "nobody is named"),
        (["charge_paymnt=User:x"], [], "orders has no unit charge_paymnt: it has book_shipment"),
        (["charge_payment"], [], "say UNIT=…"),
        (["charge_payment=x"], [], "written User:NAME"),
        (["charge_payment=User:*"], [], "that is everybody"),
        (["charge_payment=User:a", "charge_payment+refund_payment=User:b"], [], "share no step"),
        (["charge_payment=User:a"], ["reserve_stock=b"], "no worker reserve_stock"),
        (["charge_payment=User:a"], ["charge_payment=orders"], "group of the coordinator's unit"),
        (["coordinator=User:a"], ["coordinator=mine"], "group of the coordinator's unit"),
    ],
)
def test_what_is_wrong_is_said(named: list[str], groups: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("*", r"\*")):
        principals(SPEC, named, groups)


def compared(*found: Rule, spec: Spec = SPEC) -> dict[Rule, Row]:
    who = principals(spec, ["publisher=User:shop"])
    return {row.rule: row for row in compare(spec, who, found)}


LOG = Rule("User:shop", "Topic", "orders.events", "Write")


def test_what_is_there_and_what_is_missing() -> None:
    rows = compared(LOG)
    assert rows[LOG].state == "there"
    assert rows[LOG].units == ("publisher",)
    others = {row.state for rule, row in rows.items() if rule != LOG}
    assert others == {"missing"}


@pytest.mark.parametrize(
    ("rule", "state"),
    [
        (Rule("User:shop", "Topic", "orders.events", "Read"), "too much"),
        (Rule("User:shop", "Topic", "orders.", "Write", "prefixed"), "too much"),
        (Rule("User:shop", "Topic", "*", "All"), "further"),
        (Rule("User:shop", "Group", "orders.old", "Read"), "too much"),
        (Rule("User:shop", "TransactionalId", "orders", "Write", "prefixed"), "further"),
        (Rule("User:shop", "Topic", "orders", "Read", "prefixed"), "further"),
        (Rule("User:shop", "Topic", "orders.ev", "Read", "prefixed"), "too much"),
        (Rule("User:shop", "Topic", "minuet.schemas", "Create"), "further"),
        (Rule("User:shop", "Topic", "minuet.", "Read", "prefixed"), "further"),
        (Rule("User:shop", "Topic", "refunds.events", "Write"), "elsewhere"),
        (Rule("User:shop", "Topic", "order", "Write"), "elsewhere"),
        (Rule("User:shop", "Cluster", "kafka-cluster", "Alter"), "elsewhere"),
        (Rule("User:*", "Topic", "orders.events", "Read"), "everybody"),
    ],
)
def test_what_nobody_needs(rule: Rule, state: str) -> None:
    assert compared(rule)[rule].state == state


def test_what_others_have_is_not_looked_at() -> None:
    other = Rule("User:ann", "Topic", "orders.events", "All")
    assert other not in compared(other)
    everybody_else = Rule("User:*", "Topic", "refunds.events", "Read")
    assert everybody_else not in compared(everybody_else)


@pytest.mark.parametrize(
    "denial",
    [
        Rule("User:shop", "Topic", "orders.events", "Write", allows=False),
        Rule("User:*", "Topic", "orders.", "All", "prefixed", allows=False),
    ],
)
def test_a_denied_right_is_not_there_though_it_was_given(denial: Rule) -> None:
    rows = compared(LOG, denial)
    assert rows[LOG].state == "denied"
    assert denial not in rows


def test_a_teams_one_rule_for_all_its_workflows_is_never_taken() -> None:
    rule = Rule("User:shop", "Topic", "team-a.", "All", "prefixed")
    assert compared(rule, spec=replace(SPEC, prefix="team-a."))[rule].state == "further"


@pytest.mark.parametrize("name", ["deployer", "reader"])
def test_a_step_that_is_called_as_a_role_is_a_step(name: str) -> None:
    step = Unit(name, frozenset({name}), f"orders.{name}")
    schemas = Right("Topic", "minuet.schemas", "Write")
    assert schemas in needs(SPEC, step, [step])


def test_what_another_right_of_the_same_principal_implies_is_not_asked_for() -> None:
    who = principals(SPEC, ["publisher=User:a", "reader=User:a", "deployer=User:a"])
    rules = {row.rule for row in compare(SPEC, who, [])}
    asked = {rule.operation for rule in rules if rule.name == "orders.events"}
    assert asked == {"Read", "Write", "Create", "AlterConfigs"}


def test_an_importer_reads_the_sources_and_its_own_log_not_at_all() -> None:
    spec = replace(goods(prefix="team-b.").spec, prefix="team-a.")
    found = principals(spec, ["deployer=User:d"], per_step=True)
    rights = set(needs(spec, unit(found, "importer"), [*found]))
    assert found[unit(found, "importer")] == "User:team-a.goods.importer"
    assert written(rights, "Write") == {"team-a.goods.events", "team-a.goods.dead-letters"}
    assert written(rights, "Read") == {
        "team-b.shipping.events", "team-b.minuet.schemas", "bank.settlements",
        "team-a.minuet.schemas",
    }  # fmt: skip
    groups = {right for right in rights if right.kind == "Group"}
    assert groups == {Right("Group", "team-a.goods.imports", "Read")}
    seen = Right("Group", "team-a.goods.imports", "Describe")
    assert seen in needs(spec, unit(found, "coordinator"), [*found])
    with pytest.raises(UsageError, match="orders imports nothing"):
        principals(SPEC, ["importer=User:x"])
