"""A small workflow with pure rules and services, in as many versions as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from minuet import Backoff, Context, Deadline, Event, Request, Saga, Undo, step
from minuet.spec.assemble import Workflow, assemble


class LoanAsked(Event):
    loan_id: str
    amount: int
    income: int


class LoanRated(Event):
    rate: int


class LoanRefused(Event):
    reason: str


class PersonKnown(Event):
    person: str


class PersonUnknown(Event): ...


class MoneyReserved(Event):
    reserve: str
    amount: int


class ReleaseMoney(Request):
    reserve: str


class MoneyReleased(Event):
    reserve: str


class MoneyPaid(Event):
    receipt: str


class PayoutRefused(Event): ...


class LoanNoted(Event):
    yearly: int


class LoanExpired(Request): ...


class Register:
    """Knows everybody whose income is not 13."""

    async def look_up(self, loan: str, income: int) -> str:
        await asyncio.sleep(2)
        return f"person of {loan}" if income != 13 else ""


class Bank:
    """Refuses to pay out what ends in 7; each loan has a reserve of its own."""

    async def reserve(self, loan: str, amount: int, *, key: str) -> str:
        return f"reserve-{key[:6]}-{amount}"

    async def release(self, reserve: str, *, key: str) -> None: ...

    async def pay(self, reserve: str, amount: int, *, key: str) -> str:
        return "" if amount % 10 == 7 else f"paid-{key[:6]}-{amount}"

    async def wait(self) -> None:
        await asyncio.get_running_loop().create_future()


@dataclass
class Rules:
    """What versions of the workflow differ in."""

    limit: int = 1_000_000  # the largest amount in months of income
    rate: Callable[[LoanAsked], int] = lambda asked: 3 + asked.amount // 1000
    noted: Callable[[LoanRated, LoanAsked], int] = lambda rated, asked: rated.rate * asked.amount
    within: str = "30m"
    undo: bool = True
    rater: str = "rate_loan"  # the name of the step that rates
    extra: list[Callable[..., Event]] = field(default_factory=list)


@step
async def look_up_person(asked: LoanAsked, register: Register) -> PersonKnown | PersonUnknown:
    person = await register.look_up(asked.loan_id, asked.income)
    return PersonKnown(person=person) if person else PersonUnknown()


@step(retry=Backoff(first="200ms", most="10s", attempts=12), timeout="5s")
async def reserve_money(
    rated: LoanRated, person: PersonKnown, asked: LoanAsked, bank: Bank, ctx: Context
) -> MoneyReserved:
    reserve = await bank.reserve(asked.loan_id, asked.amount, key=ctx.idempotency_key)
    return MoneyReserved(reserve=reserve, amount=asked.amount)


@step(retry=Backoff(first="200ms", most="10s", attempts=20), timeout="5s")
async def release_money(request: ReleaseMoney, bank: Bank, ctx: Context) -> MoneyReleased:
    await bank.release(request.reserve, key=ctx.idempotency_key)
    return MoneyReleased(reserve=request.reserve)


@step(retry=Backoff(first="200ms", most="10s", attempts=12), timeout="5s")
async def pay_out(reserved: MoneyReserved, bank: Bank, ctx: Context) -> MoneyPaid | PayoutRefused:
    receipt = await bank.pay(reserved.reserve, reserved.amount, key=ctx.idempotency_key)
    return MoneyPaid(receipt=receipt) if receipt else PayoutRefused()


def loans(rules: Rules | None = None, partitions: int = 3) -> Workflow:
    """The workflow under these rules."""
    chosen = rules or Rules()

    def rate_loan(asked: LoanAsked) -> LoanRated | LoanRefused:
        if asked.amount > chosen.limit * max(asked.income, 0):
            return LoanRefused(reason=f"{asked.amount} is too much")
        return LoanRated(rate=chosen.rate(asked))

    rate_loan.__name__ = chosen.rater

    @step
    async def note_loan(paid: MoneyPaid, rated: LoanRated, asked: LoanAsked) -> LoanNoted:
        await asyncio.sleep(0)
        return LoanNoted(yearly=chosen.noted(rated, asked))

    saga = Saga(
        "loans", key="loan_id", begins=LoanAsked, pivot=MoneyPaid, completes=LoanNoted,
        fails=(LoanRefused, PersonUnknown, PayoutRefused, LoanExpired),
        undo=(Undo(MoneyReserved, ReleaseMoney, MoneyReleased),) if chosen.undo else (),
        deadlines=(Deadline(LoanExpired, after=LoanAsked, unless=MoneyPaid, within=chosen.within),),
        partitions=partitions,
    )  # fmt: skip
    saga.provide(Register, real=Register, simulated=Register)
    saga.provide(Bank, real=Bank, simulated=Bank)
    steps = [look_up_person, step(rate_loan), reserve_money, pay_out, note_loan, *chosen.extra]
    if chosen.undo:
        steps.append(release_money)
    return assemble(saga, [each.minuet_step for each in steps])  # type: ignore[attr-defined]


def asked(number: int, amount: int = 1000, income: int = 100) -> LoanAsked:
    return LoanAsked(loan_id=f"loan-{number}", amount=amount, income=income)
