"""A small project whose services fail or work as a file says, so that persons have to act."""

from __future__ import annotations

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


class Troubles(Refusals):
    """The project; what is `down` gives up: `buy`, `deliver`, `refund`."""

    def write(self, *, partitions: int) -> None:
        """Write the workflow."""
        self.down()
        text = WORKFLOW.replace("NAME", self.name).replace("PARTITIONS", str(partitions))
        self._module.write_text(text.replace("FOLDER", str(self.folder)))

    def down(self, *what: str) -> None:
        """Say which services are down from now on."""
        (self.folder / "down").write_text(" ".join(what))
