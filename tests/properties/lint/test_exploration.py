"""The exploration meets every state that there is, and no two that differ count as one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path

import pytest

from minuet.core.due import pending
from minuet.core.fold import fold
from minuet.core.plan import Plan, compile_plan
from minuet.core.state import State, Status
from minuet.lint.exploration.explore import explore
from minuet.lint.exploration.moves import SAGA, Who, begin, moves
from minuet.lint.exploration.states import essence, fork, is_over
from minuet.lint.exploration.story import tell
from minuet.spec import project
from minuet.spec.model import DeadlineSpec, Spec, UndoSpec
from tests.unit.core.story import step
from tests.unit.core.workflows import Tape, workflow

ROOT = Path(__file__).parents[3]
ENOUGH_S = 10
DRAWN = [bytes([seed * 7 + n * (seed + 3) & 255 for n in range(40)]) for seed in range(12)]

TRIP = Spec(
    name="trip", key="trip_id", begins="Asked", completes="Paid", fails=("Full", "Refused"),
    undo=(UndoSpec("Held", "Release", "Released"),),
    steps=(
        step("hold", "Asked", "Held | Full"),
        step("pay", "Held", "Paid | Refused"),
        step("release", "Release, Held", "Released"),
    ),
)  # fmt: skip


def without(spec: Spec, name: str) -> Spec:
    return replace(spec, steps=tuple(s for s in spec.steps if s.name != name))


@pytest.mark.parametrize("name", project.names(ROOT))
def test_a_shipped_workflow_is_covered_completely_in_time(name: str) -> None:
    spec = project.load(name, ROOT).spec
    began = time.process_time()
    found = explore(compile_plan(spec))
    took = time.process_time() - began
    print(f"{name}: {found.states} states, {found.transitions} transitions, {took:.1f} s")  # noqa: T201
    assert found.complete
    assert found.stuck is None
    assert found.ran == {each.name for each in spec.steps}
    assert found.ends == {Status.COMPLETED, Status.COMPENSATED}
    assert took < ENOUGH_S


def test_a_bound_is_kept_and_owned_up_to() -> None:
    told: list[tuple[int, int]] = []
    found = explore(compile_plan(TRIP), 20, lambda *progress: told.append(progress))
    assert (found.states, found.complete, found.stuck) == (20, False, None)
    assert told


def test_an_undo_that_no_step_carries_out_leaves_the_saga_failing_for_ever() -> None:
    plan = compile_plan(without(TRIP, "release"))
    found = explore(plan)
    assert found.stuck is not None
    story, _ = tell(plan, found.stuck)
    assert story[:4] == (
        "1. Asked begins the saga",
        "2. hold says Held",
        "3. pay says Refused",
        "4. the coordinator asks for Release, to undo Held",
    )
    assert story[-1].strip() == "Release was asked for, and no step can answer it"


def test_an_undo_that_waits_for_what_has_not_happened_never_ends() -> None:
    spec = without(TRIP, "release")
    plan = compile_plan(
        replace(spec, steps=(*spec.steps, step("release", "Release, Paid", "Released")))
    )
    found = explore(plan)
    assert found.stuck is not None
    assert found.stuck.state.status is Status.FAILING


@pytest.mark.parametrize(
    ("name", "says"),
    [("pay", "Paid | Released"), ("pay", "Paid | Late")],
)
def test_what_is_said_over_and_over_without_effect_is_a_circle(name: str, says: str) -> None:
    """Assembling refuses both; a spec that was made in another way is told of it."""
    spec = without(TRIP, name)
    deadline = DeadlineSpec("Late", "Asked", "Held", 1_000)
    spec = replace(spec, steps=(*spec.steps, step(name, "Held", says)), deadlines=(deadline,))
    plan = compile_plan(spec)
    found = explore(plan)
    assert found.stuck is not None
    assert found.stuck.again is not None
    story, _ = tell(plan, found.stuck)
    assert story[-1].startswith("then, over and over: ")


def test_a_saga_that_waits_for_the_outside_is_not_stuck() -> None:
    spec = without(TRIP, "pay")
    found = explore(compile_plan(spec))  # others publish Paid now, and Refused
    assert found.stuck is None
    assert found.ends == {Status.COMPLETED, Status.COMPENSATED}


def test_what_is_in_doubt_is_undone_unseen_and_the_saga_ends() -> None:
    steps = (
        step("hold", "Asked", "Held | Full", in_doubt="undo"),
        step("pay", "Held", "Paid | Refused"),
        step("release", "Release", "Released"),
    )
    found = explore(compile_plan(replace(TRIP, steps=steps)))
    assert found.complete
    assert found.stuck is None


def futures(plan: Plan, state: State) -> set[tuple[Who, str, Hashable]]:
    """What may come next, and to which state that leads."""
    found = set()
    for move in moves(plan, state, pending(plan, state)):
        after = fork(state)
        fold(plan, after, move.record)
        found.add((move.who, move.text, essence(plan, after)))
    return found


def differing(plan: Plan, most: int) -> int:
    """Walk a workflow, and hold each state that counts as one met before against that one.

    When all pairs have the same next steps to the same states, they have the same futures.
    """
    first = State(SAGA)
    fold(plan, first, begin(plan).record)
    known = {essence(plan, first): futures(plan, first)}
    waiting = deque([first])
    compared = 0
    while waiting and len(known) < most:
        state = waiting.popleft()
        if is_over(state):
            continue
        for move in moves(plan, state, pending(plan, state)):
            after = fork(state)
            fold(plan, after, move.record)
            key = essence(plan, after)
            if is_over(after):
                continue
            if key in known:
                compared += 1
                assert futures(plan, after) == known[key], move.text
            else:
                known[key] = futures(plan, after)
                waiting.append(after)
    return compared


@pytest.mark.parametrize("shape", DRAWN, ids=range(len(DRAWN)))
def test_states_that_count_as_one_have_the_same_futures(shape: bytes) -> None:
    assert differing(compile_plan(workflow(Tape(shape))), 150) > 10


def test_states_of_orders_that_count_as_one_have_the_same_futures() -> None:
    assert differing(compile_plan(project.load("orders", ROOT).spec), 400) > 100


def test_a_fork_leaves_its_state_alone() -> None:
    plan = compile_plan(TRIP)
    state = State(SAGA)
    fold(plan, state, begin(plan).record)
    before = essence(plan, state)
    retrying = next(m for m in moves(plan, state, pending(plan, state)) if m.who is Who.ATTEMPT)
    tried = fork(state)
    fold(plan, tried, retrying.record)
    again = next(m for m in moves(plan, tried, pending(plan, tried)) if m.who is Who.ATTEMPT)
    twice = fork(tried)
    fold(plan, twice, again.record)
    assert essence(plan, state) == before
    assert [tries.attempt for tries in tried.tries.values()] == [1]
    assert [tries.attempt for tries in twice.tries.values()] == [2]
