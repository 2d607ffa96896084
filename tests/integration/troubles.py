"""A small project whose services fail or work as a file says, so that persons have to act."""

from __future__ import annotations

from time import monotonic
from typing import Any

from minuet.event.record import Record
from minuet.kafka.connection import Connection
from minuet.kafka.following import follow
from minuet.kafka.offsets import watermarks
from minuet.kafka.reading import record_of
from tests.integration.parcels import PATIENCE_S
from tests.integration.refusals import Refusals

WORKFLOW = """\
from pathlib import Path

from minuet import Context, Event, GiveUp, Request, Saga, Undo, step

DOWN = Path("FOLDER") / "down"


class ParcelSent(Event):
    parcel_id: str
    kilos: int


class StampBought(Event):
    price: int


class NoStamp(Event):
    reason: str


class ParcelArrived(Event):
    parcel_id: str


class ParcelRefused(Event):
    reason: str


class ParcelNoted(Event):
    parcel_id: str


class ParcelWeighed(Event):
    kilos: int


class RefundStamp(Request):
    price: int


class StampRefunded(Event):
    price: int


class Post:
    def asked(self, what: str) -> None:
        if what in DOWN.read_text().split():
            raise GiveUp(f"{what} is down")


@step
def buy_stamp(sent: ParcelSent, post: Post, ctx: Context) -> StampBought | NoStamp:
    post.asked("buy")
    return StampBought(price=2 * sent.kilos)


@step
def deliver_parcel(
    stamp: StampBought, sent: ParcelSent, post: Post
) -> ParcelArrived | ParcelRefused:
    post.asked("deliver")
    if sent.kilos > 10:
        return ParcelRefused(reason=f"{sent.kilos} kg")
    return ParcelArrived(parcel_id=sent.parcel_id)


@step
def note_parcel(sent: ParcelSent, post: Post) -> ParcelNoted:
    post.asked("note")
    return ParcelNoted(parcel_id=sent.parcel_id)


@step
def weigh_parcel(sent: ParcelSent, post: Post) -> ParcelWeighed:
    post.asked("weigh")
    return ParcelWeighed(kilos=sent.kilos)


@step
def refund_stamp(request: RefundStamp, post: Post) -> StampRefunded:
    post.asked("refund")
    return StampRefunded(price=request.price)


parcels = Saga(
    "NAME",
    key="parcel_id",
    begins=ParcelSent,
    completes=ParcelArrived,
    fails=(ParcelRefused, NoStamp),
    undo=(Undo(StampBought, RefundStamp, StampRefunded),),
    partitions=PARTITIONS,
)
parcels.provide(Post, simulated=Post)
"""


AT_REST = ("ParcelNoted", "ParcelWeighed", "StepGaveUp")


class Troubles(Refusals):
    """The project; what is `down` gives up: `buy`, `deliver`, `note`, `weigh`, `refund`."""

    def write(self, *, partitions: int) -> None:
        """Write the workflow."""
        self.down()
        text = WORKFLOW.replace("NAME", self.name).replace("PARTITIONS", str(partitions))
        self._module.write_text(text.replace("FOLDER", str(self.folder)))

    def down(self, *what: str) -> None:
        """Say which services are down from now on."""
        (self.folder / "down").write_text(" ".join(what))

    def comes(self, saga: str, event_type: str, times: int = 1) -> list[Record]:
        """Wait until a saga has so many records of a type; return all of its records."""
        place = Connection(self.bootstrap)
        start = {number: low for number, (low, _) in watermarks(place, self.topic).items()}
        found: list[Record] = []
        until = monotonic() + PATIENCE_S
        for messages in follow(place, self.topic, start):
            records = [record_of(message) for message in messages]
            found += [record for record in records if record.key == saga]
            if [record.type for record in found].count(event_type) >= times:
                return found
            assert monotonic() < until, [record.type for record in found]
        raise AssertionError

    def parked(self, *sagas: str) -> None:
        """Wait until each of these waits for a person, and all else that it does is done."""
        place = Connection(self.bootstrap)
        start = {number: low for number, (low, _) in watermarks(place, self.topic).items()}
        left = {(saga, kind) for saga in sagas for kind in AT_REST}
        until = monotonic() + PATIENCE_S
        for messages in follow(place, self.topic, start):
            left -= {(r.key, r.type) for r in map(record_of, messages)}
            if not left:
                return
            assert monotonic() < until, left

    def act(self, action: str, saga: str, *more: str, why: str = "a test") -> Any:
        """Act on a saga and return what is printed."""
        return self.found("saga", action, self.name, saga, *more, "--why", why)

    def length(self) -> int:
        """How many records the log has."""
        ends = watermarks(Connection(self.bootstrap), self.topic)
        return sum(high for _, high in ends.values())
