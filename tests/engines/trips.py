"""A workflow that has one of everything: a trip of a room and a seat, paid and ticketed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from minuet.event.model import Event, Request
from minuet.saga import Deadline, Saga, Undo
from minuet.spec.assemble import Workflow, assemble
from minuet.step import Backoff, Context, definition_of, step


class TripAsked(Event):
    trip_id: str
    nights: int = 1


class RoomReserved(Event):
    room: str


class RoomRefused(Event):
    why: str


class SeatReserved(Event):
    seat: str


class SeatRefused(Event):
    why: str


class CardCharged(Event):
    cents: int


class CardDeclined(Event):
    why: str


class VoucherTaken(Event):
    """Said by somebody outside: the trip need not wait for the card."""

    trip_id: str


class TicketIssued(Event):
    paid_by: str


class TripConfirmed(Event):
    note: str


class TripExpired(Request):
    nights: int


class ReleaseRoom(Request):
    room: str


class RoomReleased(Event):
    room: str


class ReleaseSeat(Request):
    seat: str


class SeatReleased(Event):
    seat: str


class RefundCard(Request):
    cents: int


class CardRefunded(Event):
    cents: int


class CardStolen(Exception):
    """Trying again is of no use."""


class NoSuchRoom(Exception):
    """The event asks for what there is not."""


@dataclass
class Visit:
    """One call of a handler."""

    step: str
    saga: str
    slot: str
    attempt: int


Act = Callable[[], Awaitable[bool | str]]


@dataclass
class Desk:
    """The outside of every step: notes each call, and does what a test has told it to."""

    visits: list[Visit] = field(default_factory=list)
    acts: dict[tuple[str, str], Iterator[Act]] = field(default_factory=dict)

    def tell(self, step_name: str, saga: str, *acts: Act) -> None:
        """Have a step of a saga do these, one at each call, and afterwards what it always does."""
        self.acts[step_name, saga] = iter(acts)

    def note(self, ctx: Context) -> None:
        """Note a call."""
        self.visits.append(Visit(ctx.step, ctx.saga_id, ctx.idempotency_key, ctx.attempt))

    async def ask(self, ctx: Context) -> bool | str:
        """Return whether it works out, or what comes of it."""
        self.note(ctx)
        act = next(self.acts.get((ctx.step, ctx.saga_id), iter(())), None)
        await asyncio.sleep(0)
        return True if act is None else await act()

    def calls(self, step_name: str, saga: str = "") -> list[Visit]:
        """The calls of a step, in their order."""
        return [v for v in self.visits if v.step == step_name and saga in ("", v.saga)]


def refuses() -> Act:
    """It does not work out."""
    return returns(False)


def returns(answer: bool | str) -> Act:
    async def act() -> bool | str:
        return answer

    return act


def fails(error: Exception, then: asyncio.Event | None = None) -> Act:
    """The handler raises."""

    async def act() -> bool:
        if then is not None:
            then.set()
        raise error

    return act


def waits(until: asyncio.Event) -> Act:
    """It works out once the event is set."""
    return when(until, True)


def when(set_by: asyncio.Event, answer: bool | str) -> Act:
    """It answers so once the event is set."""

    async def act() -> bool | str:
        await set_by.wait()
        return answer

    return act


def sleeps(seconds: float) -> Act:
    """It works out after a while."""

    async def act() -> bool:
        await asyncio.sleep(seconds)
        return True

    return act


@step(retry=Backoff(first="20ms", most="1m", attempts=4))
async def reserve_room(asked: TripAsked, ctx: Context, desk: Desk) -> RoomReserved | RoomRefused:
    room = await desk.ask(ctx)
    if not room:
        return RoomRefused(why="full")
    return RoomReserved(room=room if isinstance(room, str) else "r")


@step
async def reserve_seat(asked: TripAsked, ctx: Context, desk: Desk) -> SeatReserved | SeatRefused:
    return SeatReserved(seat="s") if await desk.ask(ctx) else SeatRefused(why="full")


@step
async def charge_card(
    room: RoomReserved, seat: SeatReserved, asked: TripAsked, ctx: Context, desk: Desk
) -> CardCharged | CardDeclined:
    works = await desk.ask(ctx)
    return CardCharged(cents=100 * asked.nights) if works else CardDeclined(why="no money")


@step
async def issue_ticket(
    paid: CardCharged | VoucherTaken, asked: TripAsked, ctx: Context, desk: Desk
) -> TicketIssued:
    await desk.ask(ctx)
    return TicketIssued(paid_by=type(paid).__name__)


@step
async def confirm_trip(
    ticket: TicketIssued, room: RoomReserved, seat: SeatReserved, ctx: Context, desk: Desk
) -> TripConfirmed:
    await desk.ask(ctx)
    return TripConfirmed(note=f"{room.room}{seat.seat} {ticket.paid_by}")


@step
def release_room(request: ReleaseRoom, ctx: Context, desk: Desk) -> RoomReleased:
    desk.note(ctx)
    return RoomReleased(room=request.room)


@step
def release_seat(request: ReleaseSeat) -> SeatReleased:
    return SeatReleased(seat=request.seat)


@step
async def refund_card(request: RefundCard) -> CardRefunded:
    return CardRefunded(cents=request.cents)


STEPS = (
    reserve_room, reserve_seat, charge_card, issue_ticket, confirm_trip,
    release_room, release_seat, refund_card,
)  # fmt: skip


def trips(name: str, desk: Desk, *, within: str = "1h") -> Workflow:
    """Return the workflow under a name of its own, so that many share one broker."""
    saga = Saga(
        name, key="trip_id",
        begins=TripAsked, pivot=TicketIssued, completes=TripConfirmed,
        fails=(RoomRefused, SeatRefused, CardDeclined, TripExpired),
        undo=(
            Undo(RoomReserved, ReleaseRoom, RoomReleased),
            Undo(SeatReserved, ReleaseSeat, SeatReleased),
            Undo(CardCharged, RefundCard, CardRefunded),
        ),
        deadlines=(Deadline(TripExpired, after=TripAsked, unless=TicketIssued, within=within),),
        external=(VoucherTaken,),
        partitions=4,
    )  # fmt: skip
    saga.provide(Desk, simulated=lambda: desk)
    saga.errors({CardStolen: "reject", NoSuchRoom: "poison"})
    definitions = [definition for one in STEPS if (definition := definition_of(one))]
    return assemble(saga, definitions)
