"""Differences in words; and what is said of sagas in flight, held against what the core does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import deque
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from minuet.cli import main
from minuet.core.due import pending
from minuet.core.fold import fold
from minuet.core.plan import compile_plan
from minuet.core.row import pack, unpack
from minuet.core.state import State
from minuet.description.difference import differences
from minuet.errors import UsageError
from minuet.event.record import Record
from minuet.lint.exploration.moves import SAGA, Who, begin, moves
from minuet.lint.exploration.states import essence, fork, is_over
from minuet.spec.model import (
    BreakerSpec,
    DeadlineSpec,
    MigrationSpec,
    RetryPolicy,
    Spec,
    StepSpec,
    UndoSpec,
)
from minuet.spec.plain import as_plain, from_plain
from tests.unit.core.story import HOUR_MS, orders, step
from tests.unit.description.specs import many, shipped

OLD = orders()
EVERY = 31  # of the states that a saga may be in; what is unsafe may show in few of them


def changed(name: str, /, **to: Any) -> Spec:
    """The orders with another form of a step."""
    steps = tuple(replace(s, **to) if s.name == name else s for s in OLD.steps)
    return replace(OLD, steps=steps)


def needing(name: str, needs: str) -> Spec:
    return changed(name, parameters=step(name, needs, "X").parameters)


CHANGES: dict[str, tuple[Spec, str, str]] = {
    "attempts": (
        changed("charge_payment", retry=RetryPolicy(attempts=9)),
        "step charge_payment is tried 9 times, no longer 6", "safe",
    ),
    "waits": (
        changed("charge_payment", retry=RetryPolicy(first_ms=500, factor=3)),
        "step charge_payment waits 500ms to 1m between tries, no longer 200ms to 1m"
        ", and waits 3 times longer each time, no longer 2", "safe",
    ),
    "timeout": (
        changed("charge_payment", timeout_ms=5000),
        "step charge_payment may take 5s, no longer 30s", "safe",
    ),
    "breaker": (
        changed("charge_payment", breaker="bank"),
        "step charge_payment has the breaker bank, no longer none", "safe",
    ),
    "new answer": (
        changed("screen_fraud", says=("FraudCleared", "FraudFound", "FraudUnsure")),
        "step screen_fraud may now say FraudUnsure", "safe",
    ),
    "new failure": (
        replace(
            changed("screen_fraud", says=("FraudCleared", "FraudFound", "Offline")),
            fails=(*OLD.fails, "Offline"),
        ),
        "Offline, which is new, fails the saga", "safe",
    ),
    "longer": (
        replace(OLD, deadlines=(replace(OLD.deadlines[0], within_ms=9 * HOUR_MS),)),
        "OrderExpired happens 9h, no longer 30m after OrderPlaced", "safe",
    ),
    "undo at once": (
        replace(OLD, parallel_undo=not OLD.parallel_undo),
        "outcomes are undone all at once", "safe",
    ),
    "also needs": (
        needing("confirm_order", "ShipmentBooked, StockReserved"),
        "step confirm_order now also needs StockReserved", "careful",
    ),
    "no longer needs": (
        needing("charge_payment", "StockReserved, OrderPlaced"),
        "step charge_payment no longer needs FraudCleared", "careful",
    ),
    "needs another": (
        needing("confirm_order", "PaymentCharged"),
        "step confirm_order now needs PaymentCharged, no longer ShipmentBooked", "careful",
    ),
    "renamed": (
        changed("charge_payment", name="charge_card"),
        "step charge_payment is now called charge_card", "careful",
    ),
    "new step": (
        orders(step("thank", "ShipmentBooked, OrderPlaced", "Thanked")),
        "step thank is new: needs ShipmentBooked and OrderPlaced, says Thanked", "careful",
    ),
    "new undo": (
        replace(
            OLD, undo=(*OLD.undo, UndoSpec("FraudCleared", "Forget", "Forgotten")),
            steps=(*OLD.steps, step("forget", "Forget", "Forgotten")),
        ),
        "FraudCleared is now undone, by Forget and Forgotten", "unsafe",
    ),
    "undo of something new": (
        replace(
            orders(step("note", "FraudCleared", "Noted"), step("forget", "Forget", "Forgotten")),
            undo=(*OLD.undo, UndoSpec("Noted", "Forget", "Forgotten")),
        ),
        "Noted is now undone, by Forget and Forgotten", "safe",
    ),
    "step after the end": (
        orders(step("archive", "SagaCompleted, OrderPlaced", "Archived")),
        "step archive is new: needs SagaCompleted and OrderPlaced, says Archived", "unsafe",
    ),
    "shorter": (
        replace(OLD, deadlines=(replace(OLD.deadlines[0], within_ms=60_000),)),
        "OrderExpired happens 1m, no longer 30m after OrderPlaced", "careful",
    ),
    "fails now": (
        replace(OLD, fails=(*OLD.fails, "FraudCleared")),
        "FraudCleared now fails the saga", "unsafe",
    ),
    "fails no longer": (
        replace(OLD, fails=tuple(f for f in OLD.fails if f != "FraudFound")),
        "FraudFound no longer fails the saga", "unsafe",
    ),
    "answer gone": (
        changed("reserve_stock", says=("StockReserved",)),
        "step reserve_stock no longer says StockRejected", "unsafe",
    ),
    "undo gone": (
        replace(
            OLD, undo=OLD.undo[1:],
            steps=tuple(s for s in OLD.steps if s.name != "release_stock"),
        ),
        "StockReserved is no longer undone", "unsafe",
    ),
    "pivot": (
        replace(OLD, pivot=""), "the pivot is none, no longer ShipmentBooked", "unsafe",
    ),
    "begins": (
        replace(OLD, begins="OrderTyped", steps=tuple(
            replace(s, parameters=step("x", " , ".join(
                t[0].replace("OrderPlaced", "OrderTyped") for t in s.needs
            ).replace(" ,", ","), "X").parameters) for s in OLD.steps)),
        "OrderTyped begins the saga, no longer OrderPlaced", "unsafe",
    ),
    "completes": (
        replace(OLD, completes="Thanked",
                steps=(*OLD.steps, step("thank", "ShipmentBooked", "Thanked"))),
        "Thanked completes the saga, no longer OrderConfirmed", "unsafe",
    ),
    "deadline's event": (
        replace(OLD, deadlines=(
            DeadlineSpec("OrderExpired", "OrderPlaced", "PaymentCharged", 30 * 60_000),)),
        "OrderExpired counts from OrderPlaced unless PaymentCharged,"
        " no longer from OrderPlaced unless ShipmentBooked", "unsafe",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told_in_words_and_judged(name: str) -> None:
    new, what, safety = CHANGES[name]
    assert (what, safety) in {(each.what, each.safety) for each in differences(OLD, new)}


@cache
def in_flight() -> list[list[Record]]:
    """The logs of sagas of the old version, in states that they may be in."""
    plan = compile_plan(OLD)
    first = begin(plan)
    start = State(SAGA)
    fold(plan, start, first.record)
    waiting, known = deque([(start, [first.record])]), {essence(plan, start)}
    found: list[list[Record]] = []
    while waiting:
        state, log = waiting.popleft()
        found.insert(0 if is_over(state) else len(found), log)
        for move in () if is_over(state) else moves(plan, state, pending(plan, state)):
            after = fork(state)
            fold(plan, after, move.record)
            if (key := essence(plan, after)) not in known:
                known.add(key)
                waiting.append((after, [*log, move.record]))
    return found


def folded(spec: Spec, log: list[Record]) -> State:
    plan, state = compile_plan(spec), State(SAGA)
    for record in log:
        fold(plan, state, record)
    return state


def trouble(new: Spec, log: list[Record]) -> str:
    """What the new version does wrong with a saga whose log the old one has written."""
    before, again, plan = folded(OLD, log), folded(new, log), compile_plan(new)
    if (before.status, before.answers.keys()) != (again.status, again.answers.keys()):
        return "a rebuilt table differs"
    state = unpack(plan, SAGA, pack(compile_plan(OLD), before))
    lacking = ""
    for _ in range(60):
        if is_over(state) or state.incidents:
            return lacking  # an incident calls a person, and did so in the old version
        slots = pending(plan, state)
        if any(cause.value is None for slot in slots for cause in slot.causes):
            lacking = "bytes are lacking"
        ahead = [m for m in moves(plan, state, slots) if m.who in (Who.STEP, Who.COORDINATOR)]
        if not ahead:
            return "it stands"
        fold(plan, state, ahead[0].record)
    return "it turns in a circle"


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_said_of_sagas_in_flight_is_what_the_core_does(name: str) -> None:
    new, what, safety = CHANGES[name]
    if safety == "unsafe":
        assert any(trouble(new, log) for log in in_flight())
        return
    troubles = {trouble(new, log) for log in in_flight()[::EVERY]} - {""}
    assert troubles <= {"bytes are lacking"}
    if troubles:
        told = [each.in_flight for each in differences(OLD, new)]
        assert any("no longer keeps the event" in each for each in told), what


def test_the_same_spec_has_no_difference_and_each_other_has_one() -> None:
    for spec in many():
        assert differences(spec, spec) == []
        assert differences(spec, replace(spec, version="another"))[0].safety == "careful"


def told(old: Spec, new: Spec) -> dict[str, str]:
    return {found.what: found.safety for found in differences(old, new)}


def test_a_step_that_comes_to_need_the_end_runs_again_in_a_rebuilt_table() -> None:
    old, new = (
        orders(step("thank", needs, "Thanked")) for needs in ("ShipmentBooked", "SagaCompleted")
    )
    what = "step thank now needs SagaCompleted, no longer ShipmentBooked"
    assert told(old, new) == {what: "unsafe"}


def test_an_answer_that_somebody_else_may_have_given_is_no_safe_one() -> None:
    new = changed("screen_fraud", says=("FraudCleared", "FraudFound", "StockRejected"))
    what = "step screen_fraud may now say StockRejected, which fails the saga"
    assert told(OLD, new) == {what: "careful"}


def test_a_change_without_words_is_told_beside_one_with_words() -> None:
    new = replace(changed("charge_payment", timeout_ms=5000), fails=OLD.fails[::-1])
    assert told(OLD, new) == {
        "step charge_payment may take 5s, no longer 30s": "safe",
        "something that has no words here (fails): compare `minuet spec show --json`": "careful",
    }


def test_no_field_of_a_spec_is_forgotten() -> None:
    """Each field that is part of the version is told of when it alone differs."""
    other: dict[str, Any] = {
        "key": "id", "partitions": 9, "duplicate_horizon_ms": 1000, "early_ms": 1000,
        "events": (("OrderPlaced", "1"),), "errors": (("builtins.OSError", "retry"),),
        "breakers": (BreakerSpec("bank", 1),), "migrations": (MigrationSpec("1"),),
    }  # fmt: skip
    told = {"begins", "completes", "pivot", "fails", "undo", "deadlines", "steps", "parallel_undo"}
    told |= {"imports"}
    where = {"name", "prefix"}  # what runs is the same under other names
    assert {each.name for each in fields(Spec)} == {*other, *told, *where, "version", "before"}
    old = replace(OLD, events=(("OrderPlaced", "0"),), breakers=(BreakerSpec("bank"),))
    for name, value in other.items():
        assert differences(old, replace(old, **{name: value})), name
    steps = {"resources", "name", "parameters", "says", "retry", "timeout_ms", "breaker",
             "in_doubt", "file", "line"}  # fmt: skip
    assert {each.name for each in fields(StepSpec)} <= steps
    assert differences(OLD, changed("charge_payment", in_doubt="park"))


def test_two_workflows_are_not_two_versions() -> None:
    with pytest.raises(UsageError, match="two workflows, orders and refunds"):
        differences(shipped()["orders"], shipped()["refunds"])


def test_a_spec_survives_json() -> None:
    for spec in many():
        plain = json.dumps(as_plain(spec))
        back = from_plain(plain, "here")
        assert json.dumps(as_plain(back)) == plain
        assert differences(spec, back) == []
    with pytest.raises(UsageError, match=r"here is no spec.*begins Field required"):
        from_plain('{"name": "x", "key": "y"}', "here")


PROJECT = {
    "pyproject.toml": '[tool.minuet.workflows.hops]\nsaga = "flow:hops"\nsteps = ["flow"]\n',
    "flow.py": """
from minuet import Event, Saga, step


class Begun(Event):
    key: str


class Done(Event):
    pass


@step(timeout="3s")
def hop(begun: Begun) -> Done:
    return Done()


hops = Saga("hops", key="key", begins=Begun, completes=Done)
""",
}


def test_a_revision_of_the_repository_is_compared_with_the_files_of_now(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    for name, text in PROJECT.items():
        (folder / name).write_text(text, encoding="utf-8")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tmp_path)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    flow = PROJECT["flow.py"].replace('"3s"', '"4s"')
    (folder / "flow.py").write_text(flow, encoding="utf-8")
    minuet = [sys.executable, "-P", "-m", "minuet", "spec", "diff", "hops", "--against"]
    done = subprocess.run(
        [*minuet, "HEAD", "--json"], cwd=folder, capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert [each["what"] for each in found["differences"]] == ["step hop may take 4s, no longer 3s"]
    assert found["old"] != found["new"]


def typed(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(main.meant(["spec"]), ["spec", *words])
    return found.exit_code, found.stdout or str(found.exception)


def test_two_files_are_compared_and_exit_codes_tell(tmp_path: Path) -> None:
    files = []
    for n, spec in enumerate((OLD, CHANGES["undo gone"][0])):
        files.append(str(tmp_path / f"{n}.json"))
        Path(files[-1]).write_text(json.dumps(as_plain(spec)), encoding="utf-8")
    assert typed("diff", files[0], files[0])[0] == 0
    code, said = typed("diff", *files)
    assert code == 1
    assert "unsafe   StockReserved is no longer undone\n         sagas in flight: that fail" in said
    assert "--against REVISION|FILE" in typed("diff", "orders")[1]
    assert "cannot be read" in typed("diff", "nowhere.json", files[0])[1]
    assert "no revision of" in typed("diff", "orders", "--against", "no-such-revision")[1]


def test_show_tells_all_that_the_table_has() -> None:
    code, said = typed("show", "orders")
    assert code == 0
    for word in ("30m after OrderPlaced", "RefundPayment", "reserve_stock", "warehouse"):
        assert word in said
    shown = json.loads(typed("show", "orders", "--json")[1])
    assert shown["version"] == shipped()["orders"].version
    assert "file" not in shown["steps"][0]
