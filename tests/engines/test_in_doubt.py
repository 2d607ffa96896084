"""What may have taken effect: whoever drops, delays or dies, the books balance or a person knows.

A service does what it was asked even if the one who asked has died meanwhile. Over it stand: when
the saga is cancelled, when the worker dies, and how slow Kafka is, so that what is read, done,
answered and timed out comes in every order.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import product

import pytest

from minuet.core.state import Status
from minuet.engines import virtual_time
from minuet.engines.model_broker import Faults
from minuet.event.ids import action_id, begin_id
from minuet.event.platform import SagaCancelled
from minuet.event.record import BY
from minuet.kafka.connection import Connection
from minuet.step import Context
from tests.engines import native_world
from tests.engines.memory_world import MemoryWorld
from tests.engines.trips import Desk
from tests.engines.world import World

TIMEOUT_MS = 40
UNDONE_BY = {
    "reserve_room": "RoomReleased", "reserve_seat": "SeatReleased", "charge_card": "CardRefunded",
}  # fmt: skip
PIVOT = "issue_ticket"
STEPS = (*UNDONE_BY, PIVOT)

DROPS_ALL = "drops every answer"
KINDS = {  # when the first call takes effect, and when it answers, in ms; None: never
    DROPS_ALL: (15, None),
    "drops the answer": (15, None),
    "answers after the timeout": (15, 65),
    "takes effect after the timeout": (55, 65),
    "answers at once": (5, 10),
}
CANCELLED_MS = (None, 1, 12, 25, 38, 48, 60, 75, 110, 400)
DEATHS_MS = (None, 8, 22, 35, 44, 52, 62, 70, 78, 90)
SEEDS = range(2)
EXPIRY = ("30ms", "55ms", "90ms")  # a deadline instead of a person's decision


@dataclass
class Service(Desk):
    """The outside of all steps: it is slow, or drops its answer, where it is told to.

    Attributes:
        always: it drops not the first answer only.
        done: (step, saga) of each effect; under a known key it does nothing more.
        called: how often each was asked.
    """

    odd: tuple[str, int, int | None] = ("", 0, 0)
    always: bool = False
    done: set[tuple[str, str]] = field(default_factory=set)
    called: Counter[tuple[str, str]] = field(default_factory=Counter)

    async def ask(self, ctx: Context) -> bool:
        """Do it."""
        self.note(ctx)
        what = (ctx.step, ctx.saga_id)
        self.called[what] += 1
        step, effect_ms, answer_ms = self.odd
        if ctx.step != step or (self.called[what] > 1 and not self.always):
            effect_ms, answer_ms = 2, 4
        loop = asyncio.get_running_loop()
        loop.call_later(effect_ms / 1000, self.done.add, what)
        await asyncio.sleep((effect_ms if answer_ms is None else answer_ms) / 1000)
        if answer_ms is None:
            raise ConnectionResetError
        return True


def saga(cancelled_ms: int | None) -> str:
    return f"trip-{cancelled_ms}"


async def cancel(world: World, after_ms: int) -> None:
    name = saga(after_ms)
    await asyncio.sleep(after_ms / 1000)
    begin = begin_id(world.spec.name, "TripAsked", name)
    event = SagaCancelled(by="ann", reason="changed plans")
    identity = action_id("SagaCancelled", begin)
    await world.publish(name, event, [(BY, b"ann")], id=identity)


@dataclass
class Returns(Service):
    """The outside of an undo, too: it takes the room back, and drops the answer."""

    def note(self, ctx: Context) -> None:
        """Do it, if it is an undo."""
        super().note(ctx)
        if ctx.step != "release_room":
            return
        what = (ctx.step, ctx.saga_id)
        self.called[what] += 1
        self.done.add(what)
        if self.called[what] == 1:
            raise ConnectionResetError


async def played(
    world: World, step: str, kind: str, death_ms: int | None, service: Service | None = None
) -> Service:
    """Play ten sagas, each cancelled at another moment."""
    service = service or Service(odd=(step, *KINDS[kind]), always=kind == DROPS_ALL)
    world.workflow.saga.provided.clear()
    world.workflow.saga.provide(Desk, simulated=lambda: service)
    for name in STEPS:
        world.policy(name, timeout_ms=TIMEOUT_MS)
    worker = await world.start()
    await world.started(worker)
    await world.ask(*(saga(after) for after in CANCELLED_MS))
    cancels = [
        asyncio.ensure_future(cancel(world, after)) for after in CANCELLED_MS if after is not None
    ]
    if death_ms is not None:
        await asyncio.sleep(death_ms / 1000)
        await world.kill(worker)
        await world.start()
    await asyncio.gather(*cancels)
    return service


async def wrongs(world: World, service: Service) -> list[str]:
    """What is silently wrong: nothing is, where an incident says what is not known."""
    found = []
    for name in map(saga, CANCELLED_MS):
        state = world.state(name)
        if state is None:
            return [f"{name} is unknown"]
        types = await world.types(name)
        incidents = {incident.about for incident in state.incidents.values()}
        if not state.status.ended and not incidents:
            found.append(f"{name} is {state.status} and nobody knows why: {types}")
        for step, undone in UNDONE_BY.items():
            kept = ((step, name) in service.done) - types.count(undone)
            if state.status is Status.COMPLETED and kept != 1:
                found.append(f"{name} is completed, {step} is kept {kept} times: {types}")
            if state.status is Status.COMPENSATED and kept != 0:
                found.append(f"{name} is compensated, {step} is kept {kept} times: {types}")
        shipped = (PIVOT, name) in service.done
        known = incidents & {PIVOT, "TicketIssued", "SagaCancelled", "TripExpired"}
        if shipped and state.status is not Status.COMPLETED and not known:
            found.append(f"{name} is {state.status}, its ticket was issued: {types}")
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", STEPS)
def test_the_books_balance_or_an_incident_says_what_is_not_known(step: str, kind: str) -> None:
    ends: Counter[str] = Counter()

    async def main(death_ms: int | None, seed: int) -> None:
        world = MemoryWorld(seed=seed, faults=Faults(latency_ms=(0.2, 12)))
        service = await played(world, step, kind, death_ms)
        await world.time.quiet()
        assert await wrongs(world, service) == [], (death_ms, seed)
        for name in map(saga, CANCELLED_MS):
            state = world.state(name)
            assert state is not None
            ends[state.status if state.status.ended else "incident"] += 1
            ends["asked again"] += service.called[step, name] > 1
        await world.close()

    for death_ms, seed in product(DEATHS_MS, SEEDS):
        virtual_time.run(main(death_ms, seed))
    if kind == DROPS_ALL:
        assert ends["incident"] >= len(SEEDS)
        assert ends[Status.COMPLETED] == 0
        return
    assert ends[Status.COMPLETED] >= len(SEEDS)
    assert ends[Status.COMPENSATED] > 20
    assert ends["asked again"] >= len(SEEDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", STEPS)
def test_so_they_do_when_a_deadline_passes_in_the_midst(step: str, kind: str) -> None:
    expired: Counter[bool] = Counter()

    async def main(within: str, death_ms: int | None) -> None:
        world = MemoryWorld(within, faults=Faults(latency_ms=(0.2, 12)))
        service = await played(world, step, kind, death_ms)
        await world.time.quiet()
        assert await wrongs(world, service) == [], (within, death_ms)
        for name in map(saga, CANCELLED_MS):
            expired["TripExpired" in await world.types(name)] += 1
        await world.close()

    for within, death_ms in product(EXPIRY, (None, 35)):
        virtual_time.run(main(within, death_ms))
    assert min(expired[True], expired[False]) > 0


def test_an_undo_whose_answer_is_lost_is_done_all_the_same() -> None:
    released = 0

    async def main(death_ms: int | None) -> int:
        world = MemoryWorld(faults=Faults(latency_ms=(0.2, 12)))
        service = await played(world, "", "", death_ms, Returns())
        await world.time.quiet()
        assert await wrongs(world, service) == [], death_ms
        for name in map(saga, CANCELLED_MS):
            types = await world.types(name)
            assert (("release_room", name) in service.done) == ("RoomReleased" in types)
        await world.close()
        return sum(count > 1 for what, count in service.called.items() if what[0] != PIVOT)

    for death_ms in DEATHS_MS:
        released += virtual_time.run(main(death_ms))
    assert released > len(DEATHS_MS)


@pytest.mark.kafka
@pytest.mark.parametrize("kind", KINDS)
def test_so_they_do_on_a_real_broker_when_the_worker_dies_in_the_midst(
    kafka: Connection, kind: str
) -> None:
    async def story(world: World) -> None:
        service = await played(world, "charge_card", kind, 60)
        wrong = [""]
        for _ in range(600):
            states = [world.state(saga(after)) for after in CANCELLED_MS]
            settled = [s is not None and (s.status.ended or bool(s.incidents)) for s in states]
            wrong = await wrongs(world, service) if all(settled) else ["not settled"]
            if not wrong:
                break
            await asyncio.sleep(0.05)
        assert wrong == []

    native_world.play(kafka, story)
