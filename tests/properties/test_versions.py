"""A saga finishes under the version that it began with, or leaves it by an event, and not else."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from minuet.core.decide import decide
from minuet.core.due import FOREVER, at_rest, deadlines, pending
from minuet.core.fold import fold
from minuet.core.plan import Plan, compile_plan
from minuet.core.row import pack, unpack
from minuet.core.state import State, Status
from minuet.description.difference import differences
from minuet.event.ids import coordinator_id
from minuet.event.record import MIGRATES, WORKFLOW_VERSION, Record
from minuet.lint.exploration.moves import SAGA, Who, moves
from minuet.lint.exploration.states import is_over
from minuet.spec.model import MigrationSpec, Spec
from tests.properties.test_difference import CHANGES, EVERY, OLD, in_flight

FIRST = replace(OLD, version="first")
NOW = b"second"


def beside_the_old(new: Spec, *migrations: MigrationSpec) -> Plan:
    """The plan of a worker that knows both versions."""
    return compile_plan(replace(new, version=NOW.decode(), before=(FIRST,), migrations=migrations))


def said_by(version: bytes, log: list[Record], first: int) -> list[Record]:
    """The log, as a worker of that version says it; the begin event may come from elsewhere."""
    return [record if n < first else named(version, record) for n, record in enumerate(log)]


def named(version: bytes, record: Record, **more: bytes) -> Record:
    headers = {**record.headers, WORKFLOW_VERSION: version, **more}
    return Record(record.key, record.offset, record.time, record.id, record.type, record.slot,
                  record.value, headers)  # fmt: skip


def folded(plan: Plan, log: list[Record]) -> State:
    state = State(SAGA)
    for record in log:
        fold(plan, state, record)
    return state


@pytest.mark.parametrize("first", [0, 1], ids=["begun by a worker", "begun from outside"])
@pytest.mark.parametrize("name", CHANGES)
def test_whatever_has_changed_a_saga_goes_on_as_its_own_version_says(name: str, first: int) -> None:
    if name == "begins" and first:
        pytest.skip("a begin event that the version of now does not know names no version")
    old, both = compile_plan(FIRST), beside_the_old(CHANGES[name][0])
    for log in in_flight()[::EVERY]:
        if len(log) <= first:
            continue  # nobody has answered yet: it belongs to no version
        records = said_by(b"first", log, first)
        theirs, ours = folded(old, records), folded(both, records)
        again = unpack(both, SAGA, pack(both, ours))
        assert pack(both, ours) == pack(old, theirs)
        for state in (ours, again):
            assert [s.id for s in pending(both, state)] == [s.id for s in pending(old, theirs)]
            assert decide(both, state, FOREVER) == decide(old, theirs, FOREVER)
            assert [*deadlines(both, state)] == [*deadlines(old, theirs)]
            assert at_rest(both, state) == at_rest(old, theirs)


@cache
def running() -> list[list[Record]]:
    """Logs of sagas that neither fail nor have ended."""
    plan = compile_plan(FIRST)
    found = [log for log in in_flight() if folded(plan, log).status is Status.RUNNING]
    assert len(found) > 10
    return found


def migrated(plan: Plan, log: list[Record]) -> Record:
    """What the coordinator is to say first, as a record behind the log."""
    (say,) = decide(plan, folded(plan, log), FOREVER)
    record = replace_type(log[-1], say.type, say.id)
    return named(NOW, record, **{MIGRATES: say.reason.encode()})


def replace_type(last: Record, event_type: str, identity: str) -> Record:
    return Record(SAGA, last.offset + 1, last.time, identity, event_type, "", b"", {})


@pytest.mark.parametrize("name", CHANGES)
def test_a_rule_lets_running_sagas_go_on_under_the_version_of_now(name: str) -> None:
    new = CHANGES[name][0]
    both, alone = beside_the_old(new, MigrationSpec("first")), compile_plan(new)
    for log in in_flight()[::EVERY]:
        state = folded(both, said_by(b"first", log, 0))
        leaves = any(say.type == "SagaMigrated" for say in decide(both, state, FOREVER))
        assert leaves == (state.status is Status.RUNNING)
    for log in running():
        records = said_by(b"first", log, 0)
        records.append(migrated(both, records))
        state = folded(both, records)
        assert state.version == "second"
        assert not state.counts
        taken = unpack(alone, SAGA, pack(both, state))  # as who knows the version of now alone
        assert (taken.mask, taken.said) == (state.mask, state.said)
        assert [s.id for s in pending(both, state)] == [s.id for s in pending(alone, taken)]
        assert all(say.type != "SagaMigrated" for say in decide(both, state, FOREVER))


def test_what_has_happened_may_keep_a_saga_where_it_is() -> None:
    rule = MigrationSpec("first", unless=("PaymentCharged",))
    both = beside_the_old(CHANGES["also needs"][0], rule)
    kinds = set()
    for log in in_flight():
        state = folded(both, said_by(b"first", log, 0))
        if state.status is Status.RUNNING:
            leaves = any(say.type == "SagaMigrated" for say in decide(both, state, FOREVER))
            assert leaves == ("PaymentCharged" not in state.events)
            kinds.add(leaves)
    assert kinds == {True, False}


def test_of_two_versions_that_want_a_saga_the_first_on_the_log_has_it() -> None:
    both = beside_the_old(CHANGES["also needs"][0], MigrationSpec("first"))
    log = said_by(b"first", running()[1], 0)
    first = migrated(both, log)
    second = named(b"third", replace_type(first, "SagaMigrated", "x"), **{MIGRATES: b"first"})
    state = folded(both, [*log, first, second])
    assert state.version == "second"
    assert state.counts == {"illegal": 1}
    again = replace_type(second, "SagaMigrated", coordinator_id("SagaMigrated", "", "y"))
    state = folded(both, [*log, first, second, named(b"third", again, **{MIGRATES: b"second"})])
    assert state.version == "third"


def test_a_version_that_nobody_committed_goes_by_that_of_now() -> None:
    new = CHANGES["also needs"][0]
    both, alone = beside_the_old(new), compile_plan(new)
    for log in in_flight()[::EVERY]:
        records = said_by(b"unknown", log, 0)
        assert pack(both, folded(both, records)) == pack(alone, folded(alone, records))


@pytest.mark.parametrize("name", CHANGES)
def test_after_a_rule_a_saga_comes_to_its_end_unless_that_is_said(name: str) -> None:
    new = CHANGES[name][0]
    rule = MigrationSpec("first")
    both = beside_the_old(new, rule)
    if any(each.safety == "unsafe" and not each.rebuilt for each in differences(OLD, new)):
        return
    for log in running():
        records = said_by(b"first", log, 0)
        state = folded(both, [*records, migrated(both, records)])
        for _ in range(60):
            slots = pending(both, state)
            if is_over(state) or state.incidents:
                break
            steps = (m for m in moves(both, state, slots) if m.who in (Who.STEP, Who.COORDINATOR))
            ahead = next(steps, None)
            assert ahead is not None, [record.type for record in records]
            fold(both, state, ahead.record)
        assert is_over(state) or state.incidents
