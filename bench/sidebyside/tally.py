"""What a run came to, counted without asking who ran: the file of effects, and the log.

What has to be there follows from the orders' numbers alone; nothing is shared with the programs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

REFUSED_EVERY = 20
_SHORT = ("reserve_stock", "charge_payment", "book_shipping")
_GOOD = (*_SHORT, "confirm_order")
_BAD = (*_SHORT, "refund_payment", "release_stock")
_GOOD_SAID = (
    "OrderPlaced", "StockReserved", "PaymentCharged", "ShippingBooked", "OrderConfirmed",
    "SagaCompleted",
)  # fmt: skip
_BAD_SAID = (
    "OrderPlaced", "StockReserved", "PaymentCharged", "ShippingRefused", "RefundPayment",
    "PaymentRefunded", "ReleaseStock", "StockReleased", "SagaCompensated",
)  # fmt: skip


@dataclass(frozen=True)
class Tally:
    """Counts of one run.

    Args:
        steps: runs of handlers that had to be; `ran`: that were.
        repeated: runs of what had run before.
        sagas_repeated: sagas with such a run: without a service that knows its key, twice done.
        sagas_missing: sagas with a step that never ran.
        foreign: runs of what no saga asks for.
        records: on the log; `records_again`: of an event that stood there already.
        records_missing: events that are not on the log.
        unfinished: sagas without an end.
        wrong_end: sagas with another end than theirs, or with two.
    """

    steps: int
    ran: int
    repeated: int
    sagas_repeated: int
    sagas_missing: int
    foreign: int
    records: int
    records_again: int
    records_missing: int
    unfinished: int
    wrong_end: int

    @property
    def wrong(self) -> bool:
        """Whether anything is lost or not as it must be; what ran again is not in it."""
        return bool(
            self.sagas_missing
            or self.foreign
            or self.records_missing
            or self.unfinished
            or self.wrong_end
        )

    def as_dict(self) -> dict[str, int]:
        """All counts."""
        return asdict(self)


def steps_of(number: int) -> tuple[str, ...]:
    """The handlers that a saga has to run."""
    return _BAD if number % REFUSED_EVERY == 0 else _GOOD


def events_of(number: int) -> tuple[str, ...]:
    """The events that a saga has to have on the log."""
    return _BAD_SAID if number % REFUSED_EVERY == 0 else _GOOD_SAID


def steps(sagas: int) -> int:
    """Runs of handlers of that many sagas."""
    return sum(len(steps_of(number)) for number in range(1, sagas + 1))


def tally(effects: Iterable[str], said: Sequence[tuple[str, str]], sagas: int) -> Tally:
    """Count.

    Args:
        effects: the lines of the file, `STEP ORDER`.
        said: the records of the log, as (saga, type).
        sagas: they are numbered from 1 to this.
    """
    names = {number: f"order-{number}" for number in range(1, sagas + 1)}
    due = {(step, names[n]) for n in names for step in steps_of(n)}
    wanted = {(names[n], kind) for n in names for kind in events_of(n)}
    ran = Counter(tuple(line.split()) for line in effects)
    stands = Counter(said)
    again = {what: count for what, count in ran.items() if count > 1}
    ends: dict[str, set[str]] = {}
    for saga, kind in stands:
        if kind.startswith("Saga"):
            ends.setdefault(saga, set()).add(kind)
    return Tally(
        steps=len(due),
        ran=ran.total(),
        repeated=ran.total() - len(ran),
        sagas_repeated=len({what[-1] for what in again}),
        sagas_missing=len({order for step, order in due if (step, order) not in ran}),
        foreign=len(ran.keys() - due),
        records=stands.total(),
        records_again=stands.total() - len(stands),
        records_missing=len(wanted - stands.keys()),
        unfinished=sagas - len(ends.keys() & set(names.values())),
        wrong_end=sum(ends.get(names[n], {_end(n)}) != {_end(n)} for n in names),
    )


def _end(number: int) -> str:
    return events_of(number)[-1]
