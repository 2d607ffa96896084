"""Workflows drawn from a seed, as the source of a module: sagas that nobody thought of."""

from __future__ import annotations

import random
from typing import Any

from minuet.spec.assemble import Workflow, assemble
from minuet.step import definition_of

_HEAD = '''
from minuet import Backoff, Context, Deadline, Event, Request, Saga, Undo, step

class Begun(Event):
    saga: str

class Done(Event): ...

class TooLate(Request): ...

class Service:
    """Answers by its key alone, so that it always says the same."""

    async def ask(self, *, key: str) -> int:
        return int(key[:4], 16) % 9
'''


def source(seed: int) -> str:
    """Return the source of a workflow: joins, alternatives, undos, a deadline, perhaps a pivot."""
    rng = random.Random(f"workflow-{seed}")
    parts, steps = [_HEAD], list[str]()
    undos, fails = list[int](), list[str]()
    there, loose = ["Begun"], list[str]()  # what steps may need; and what nobody needs yet
    for number in range(rng.randrange(2, 6)):
        needs = rng.sample(there, min(len(there), rng.choice((1, 1, 2))))
        parts.append(_step(rng, number, needs, undos, fails))
        loose = [one for one in loose if one not in needs]
        there.append(said := _good(number, parts[-1]))
        loose.append(said)
        steps.append(f"step_{number}")
    pivot = rng.random() < 0.5
    if pivot:
        parts.append(_pivot(loose))
        steps.append("ship")
        loose = ["Shipped"]
    takes = ", ".join(f"e{n}: {one}" for n, one in enumerate(loose))
    parts.append(f"@step\ndef finish({takes}) -> Done:\n    return Done()\n")
    steps.append("finish")
    parts.append(_saga(rng, undos, fails, pivot))
    parts.append(f"STEPS = ({', '.join([*steps, *(f'undo_{n}' for n in undos)])},)\n")
    return "\n".join(parts)


def _good(number: int, text: str) -> str:
    return f"Good{number} | Fine{number}" if f"class Fine{number}(" in text else f"Good{number}"


def _step(
    rng: random.Random, number: int, needs: list[str], undos: list[int], fails: list[str]
) -> str:
    says = [f"Good{number}"]
    text = f"class Good{number}(Event): ...\n"
    if rng.random() < 0.3:
        says.append(f"Fine{number}")
    elif rng.random() < 0.6:
        undos.append(number)
    if rng.random() < 0.5:
        says.append(f"Bad{number}")
        fails.append(f"Bad{number}")
    text += "".join(f"class {one}(Event): ...\n" for one in says[1:])
    takes = ", ".join(f"e{n}: {one}" for n, one in enumerate(needs))
    ask = "await service.ask(key=ctx.idempotency_key)"
    pick = f"({', '.join(says)},)[max(0, {ask} - 6) % {len(says)}]"
    text += (
        '@step(retry=Backoff(first="100ms", most="2s", attempts=12), timeout="1s")\n'
        f"async def step_{number}({takes}, service: Service, ctx: Context) -> {' | '.join(says)}:\n"
        f"    return {pick}()\n"
    )
    return text + (_undo(number) if number in undos else "")


def _undo(number: int) -> str:
    return (
        f"class Undo{number}(Request): ...\nclass Undone{number}(Event): ...\n"
        '@step(retry=Backoff(first="100ms", most="2s", attempts=20), timeout="1s")\n'
        f"async def undo_{number}(request: Undo{number}, service: Service, ctx: Context)"
        f" -> Undone{number}:\n"
        f"    await service.ask(key=ctx.idempotency_key)\n    return Undone{number}()\n"
    )


def _pivot(needs: list[str]) -> str:
    takes = ", ".join(f"e{n}: {one}" for n, one in enumerate(needs))
    return (
        "class Shipped(Event): ...\n"
        '@step(retry=Backoff(first="100ms", most="2s", attempts=12), timeout="1s")\n'
        f"async def ship({takes}, service: Service, ctx: Context) -> Shipped:\n"
        "    await service.ask(key=ctx.idempotency_key)\n    return Shipped()\n"
    )


def _saga(rng: random.Random, undos: list[int], fails: list[str], pivot: bool) -> str:
    rows = ", ".join(f"Undo(Good{n}, Undo{n}, Undone{n})" for n in undos)
    unless = "Shipped" if pivot else "Done"
    return (
        f'saga = Saga("drawn", key="saga", begins=Begun, completes=Done,'
        f" pivot={'Shipped' if pivot else None}, partitions={rng.choice((3, 6))},"
        f" fails=({', '.join([*fails, 'TooLate'])},), undo=({rows + ',' if rows else ''}),"
        f" parallel_undo={rng.random() < 0.3},"
        f' deadlines=(Deadline(TooLate, after=Begun, unless={unless}, within="30m"),))\n'
        "saga.provide(Service, simulated=Service)\n"
    )


def generated(seed: int) -> tuple[Workflow, list[Any]]:
    """Return a workflow and events that begin its sagas."""
    names: dict[str, Any] = {"__name__": f"generated_{seed}"}
    exec(compile(source(seed), f"<workflow {seed}>", "exec"), names)
    steps = [definition_of(one) for one in names["STEPS"]]
    workflow = assemble(names["saga"], [one for one in steps if one is not None])
    return workflow, [names["Begun"](saga=f"s-{number}") for number in range(20)]
