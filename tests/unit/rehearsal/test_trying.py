"""One step on given events: what is pure runs, what has resources only on simulated ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from minuet import Context, Event, RetryLater, Saga, step
from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.core.due import Slot
from minuet.core.plan import compile_plan
from minuet.core.settle import Failure
from minuet.core.state import Entry, Place
from minuet.engines.verdict import Unbound
from minuet.rehearsal.trying import Steps, Tried, Unknown
from minuet.spec.assemble import Workflow, assemble
from tests.unit.rehearsal.loans import (
    Bank,
    LoanNoted,
    LoanRated,
    LoanRefused,
    MoneyPaid,
    MoneyReserved,
    PersonKnown,
    Rules,
    asked,
    loans,
)


def entries(codec: Codec, events: Sequence[Event]) -> tuple[Entry, ...]:
    made = []
    for number, event in enumerate(events):
        value, schema, digest = codec.encode(event)
        name = type(event).__name__
        entry = Entry(f"id-{number}", name, number, 1_000, digest.decode(), Place.EFFECTIVE)
        entry.schema, entry.value = schema, value
        made.append(entry)
    return tuple(made)


def tried(workflow: Workflow, name: str, *events: Event, simulated: Sequence[str] = ()) -> Tried:
    codec = Codec(workflow.models.values(), LocalRegistry())
    steps = Steps(workflow, codec, simulated)
    slot = Slot("slot-1", compile_plan(workflow.spec).steps[name], entries(codec, events))
    try:
        return steps.run(slot, "loan-1")
    finally:
        steps.close()


def test_a_pure_step_really_runs_by_the_rule_of_its_version() -> None:
    assert tried(loans(), "rate_loan", asked(1, 500)) == LoanRated(rate=3)
    refused = tried(loans(Rules(limit=1)), "rate_loan", asked(1, 500))
    assert refused == LoanRefused(reason="500 is too much")


def test_a_pure_step_that_waits_is_driven_to_its_end() -> None:
    paid, rated = MoneyPaid(receipt="r"), LoanRated(rate=4)
    assert tried(loans(), "note_loan", paid, rated, asked(1)) == LoanNoted(yearly=4_000)


def test_a_step_with_resources_is_unknown_until_its_simulated_ones_are_asked_for() -> None:
    given = LoanRated(rate=3), PersonKnown(person="p"), asked(1)
    assert isinstance(tried(loans(), "reserve_money", *given), Unknown)
    found = tried(loans(), "reserve_money", *given, simulated=["reserve_money"])
    assert found == MoneyReserved(reserve="reserve-slot-1-1000", amount=1_000)
    found = tried(loans(), "look_up_person", asked(1), simulated=["look_up_person"])
    assert found == PersonKnown(person="person of loan-1")  # two seconds of no time


def test_what_a_step_raises_is_a_failure_of_its_category() -> None:
    def broken(_asked: object) -> int:
        why = "not now"
        raise RetryLater(why, after="5s")

    found = tried(loans(Rules(rate=broken)), "rate_loan", asked(1))
    assert found == Failure("retry", "not now", 5_000)
    found = tried(loans(Rules(rate=lambda asked: asked.nothing)), "rate_loan", asked(1))  # type: ignore[attr-defined]
    assert isinstance(found, Failure)
    assert found.category == "bug"


def test_a_value_that_cannot_be_read_is_named() -> None:
    workflow = loans()
    codec = Codec(workflow.models.values(), LocalRegistry())
    (cause,) = entries(codec, [asked(1)])
    cause.value = b"\0\0\0\0\1"
    slot = Slot("slot-1", compile_plan(workflow.spec).steps["rate_loan"], (cause,))
    found = Steps(workflow, codec).run(slot, "loan-1")
    assert isinstance(found, Unbound)
    assert found.entry is cause
    assert "LoanAsked" in found.reason


class Asked(Event):
    key: str


class Said(Event):
    attempt: int


@step(timeout="1s")
async def say(asked: Asked, bank: Bank, ctx: Context) -> Said:
    await asyncio.sleep(5 if ctx.saga_id == "slow" else 0)
    if ctx.saga_id == "stuck":
        await asyncio.get_running_loop().create_future()
    return Said(attempt=ctx.attempt)


def test_a_simulated_resource_that_hangs_is_overdue_and_no_time_passes() -> None:
    saga = Saga("said", key="key", begins=Asked, completes=Said)
    saga.provide(Bank, real=Bank, simulated=Bank)
    workflow = assemble(saga, [say.minuet_step])  # type: ignore[attr-defined]
    steps = Steps(workflow, Codec(workflow.models.values(), LocalRegistry()), ["say"])
    given = [Asked(key="a")]
    overdue = Failure("retry", "no answer within 1000 ms")
    try:
        assert steps.run_on("say", given, Context("slow", "s")) == overdue
        assert steps.run_on("say", given, Context("stuck", "s")) == overdue
        assert steps.run_on("say", given, Context("quick", "s", 3)) == Said(attempt=3)
    finally:
        steps.close()
