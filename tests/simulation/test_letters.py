"""Events from outside in simulated runs: early, twice, in two ways, and whatever the order."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from minuet import Context, Deadline, Event, Request, Saga, Undo, step
from minuet.simulation import Scenario, run, scenario
from minuet.spec.assemble import Workflow, assemble
from minuet.step import definition_of

SEEDS = 60


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)  # every fault is logged
    yield
    logging.disable(logging.NOTSET)


class ClaimFiled(Event):
    claim: str


class ClaimApproved(Event):
    claim: str
    payout: int


class ClaimDenied(Event):
    claim: str
    reason: str


class Reported(Event): ...


class PaidOut(Event):
    transfer: str


class Arrived(Event): ...


class Recall(Request):
    transfer: str


class Recalled(Event): ...


class Forgotten(Request): ...


class Bank:
    async def pay(self, amount: int, *, key: str) -> str:
        return key[:8]

    async def recall(self, transfer: str, *, key: str) -> None: ...


@step
def report(claim: ClaimFiled) -> Reported:
    return Reported()


@step
async def pay_out(reported: Reported, yes: ClaimApproved, bank: Bank, ctx: Context) -> PaidOut:
    return PaidOut(transfer=await bank.pay(yes.payout, key=ctx.idempotency_key))


@step
async def confirm(paid: PaidOut) -> Arrived:
    return Arrived()


@step
async def recall(request: Recall, bank: Bank, ctx: Context) -> Recalled:
    await bank.recall(request.transfer, key=ctx.idempotency_key)
    return Recalled()


def claims() -> Workflow:
    saga = Saga(
        "claims",
        key="claim",
        begins=ClaimFiled,
        completes=Arrived,
        fails=(ClaimDenied, Forgotten),
        external=(ClaimApproved, ClaimDenied),
        undo=(Undo(PaidOut, Recall, Recalled),),
        deadlines=(Deadline(Forgotten, after=ClaimFiled, unless=ClaimApproved, within="30d"),),
    )
    saga.provide(Bank, simulated=Bank)
    steps = [definition_of(one) for one in (report, pay_out, confirm, recall)]
    return assemble(saga, [one for one in steps if one is not None])


def test_runs_hold_whenever_events_from_outside_come() -> None:
    workflow = claims()
    events = [ClaimFiled(claim=f"c-{number}") for number in range(20)]
    came: Counter[str] = Counter()
    for seed in range(SEEDS):
        found = run(workflow, scenario(workflow, seed, 8, len(events)), events)
        assert found.violations == (), seed
        assert found.outcome is not None
        for saga in found.outcome.sagas.values():
            came[saga.status.value] += 1
            came.update(saga.counts)
        came.update(one.type for one in found.scenario.letters)
        came["early"] += sum(one.at_ms == 0 for one in found.scenario.letters)
    assert {"completed", "compensated", "duplicates", "nondeterministic"} <= set(came)
    assert min(came[name] for name in ("ClaimApproved", "ClaimDenied", "ClaimFiled", "early")) > 50


def test_a_scenario_with_letters_is_plain_data() -> None:
    drawn = scenario(claims(), 3, 8, 20)
    assert drawn.letters
    assert Scenario.read(drawn.as_json()) == drawn
