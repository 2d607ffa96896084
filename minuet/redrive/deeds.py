"""Appends what takes letters up again, as fast as it may, then reads what the log made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from minuet.action.compose import compose
from minuet.core.fold import fold
from minuet.core.state import COUNTS, State
from minuet.errors import BrokerError
from minuet.event.person import Person
from minuet.event.record import LETTER, OPERATION, Record, UnreadableHeaders
from minuet.kafka.reading import record_of, snapshot
from minuet.kafka.writer import BY_KEY, Place, WriteError, Writer
from minuet.operations.journal import Operation
from minuet.publish.pace import Pace
from minuet.redrive.choosing import Choice, Desk, one
from minuet.redrive.judge import Ready

_ACK_MS = 20_000
_ROOM_S = 0.1
_LOOK_EVERY = 200
_SETTINGS: Mapping[str, object] = {"linger.ms": 20, "message.timeout.ms": _ACK_MS}

Progress = Callable[[int, int], None]


@dataclass
class Tally:
    """What came of it.

    Args:
        appended: events that are acknowledged.
        effective: of these, those that had their effect.
        earlier: somebody else's same event was first, so theirs had it.
        without_effect: something else was first.
        failed: not acknowledged.
        stopped: why it ended before its end.
    """

    appended: int = 0
    effective: int = 0
    earlier: int = 0
    without_effect: int = 0
    failed: int = 0
    stopped: str = ""
    places: dict[tuple[int, int], str] = field(default_factory=dict, repr=False)

    def counts(self) -> dict[str, int]:
        """As plain numbers."""
        return {
            name: getattr(self, name)
            for name in ("appended", "effective", "earlier", "without_effect", "failed")
        }


def redrive(
    desk: Desk, choice: Choice, operation: Operation, rate: float, progress: Progress
) -> Tally:
    """Append the event of each letter of a choice; Ctrl-C ends it, and loses nothing.

    Args:
        desk: what is needed.
        choice: which letters.
        operation: for whom, and why.
        rate: the most letters in a second; 0 for no limit.
        progress: told how many are done, and of how many.
    """
    tally = Tally()
    writer = Writer(desk.connection, desk.plan.spec.log_topic, **_SETTINGS)
    try:
        _append(desk, choice, operation, (writer, Pace(rate) if rate else None), tally, progress)
    except KeyboardInterrupt:
        tally.stopped = "interrupted"
    try:
        if writer.flush(_ACK_MS / 1000):
            tally.stopped = tally.stopped or "Kafka does not acknowledge"
            writer.purge()
        _see(desk, choice, tally)
    except KeyboardInterrupt:
        tally.stopped = "interrupted"
    except BrokerError as error:
        tally.stopped = tally.stopped or str(error)
    return tally


def _append(
    desk: Desk, choice: Choice, operation: Operation, through: tuple[Writer, Pace | None],
    tally: Tally, progress: Progress,
) -> None:  # fmt: skip
    writer, pace = through
    for number, letter in enumerate(choice.letters):
        if number % _LOOK_EVERY == 0:
            writer.serve(0)
            progress(number, len(choice.letters))
        if tally.stopped:
            return
        ready = one(desk, choice.current, letter, {})
        if not isinstance(ready, Ready):
            continue  # chosen from the same states, so that this cannot be
        if pace is not None:
            while (wait_s := pace.wait_s(monotonic())) > 0:
                writer.serve(min(wait_s, _ROOM_S))
            pace.went(monotonic())
        key, value, headers, number = _composed(desk, ready, operation)
        done = partial(_done, tally, ready.id)
        writer.hand_over(key, value, [*headers], done, partition=number)
    progress(len(choice.letters), len(choice.letters))


_Message = tuple[bytes, bytes, list[tuple[str, bytes]], int]


def _composed(desk: Desk, ready: Ready, operation: Operation) -> _Message:
    letter, view = ready.letter, ready.view
    more = [(OPERATION, operation.id.encode()), (LETTER, letter.id.encode())]
    if view is None or ready.deed is None:
        return letter.key, letter.value, [*letter.original, *more], BY_KEY
    person = Person(operation.by, operation.why)
    value, headers = compose(view, ready.deed, person, desk.codec, ready.event)
    return letter.saga.encode(), value, [*headers, *more], view.history.partition


def _done(tally: Tally, identity: str, result: Place | WriteError) -> None:
    if isinstance(result, WriteError):
        tally.failed += 1
        tally.stopped = tally.stopped or ("" if result.alone else str(result))
    else:
        tally.appended += 1
        tally.places[result.partition, result.offset] = identity


def _see(desk: Desk, choice: Choice, tally: Tally) -> None:
    """Read on from where the sagas were looked at, to the last own event.

    The first event of a saga since then had what effect was foreseen; else the fold says.
    """
    ends: dict[int, int] = {}
    for number, offset in tally.places:
        ends[number] = max(ends.get(number, 0), offset + 1)
    start = {number: choice.current.after[number] for number in ends}
    sagas = {letter.saga for letter in choice.letters}
    since: dict[str, list[Record]] = {}
    for message in snapshot(desk.connection, desk.plan.spec.log_topic, start, ends):
        key = (message.key() or b"").decode(errors="replace")
        if key not in sagas:
            continue
        try:
            record = record_of(message)
        except UnreadableHeaders:
            continue
        place = message.partition() or 0, record.offset
        before = since.setdefault(key, [])
        if place in tally.places:
            _count(desk, choice, tally, before, record)
        before.append(record)


def _count(desk: Desk, choice: Choice, tally: Tally, before: list[Record], record: Record) -> None:
    if not before:
        tally.effective += 1
        return
    state = choice.current.state(record.key) or State(record.key)
    for one_before in before:
        fold(desk.plan, state, one_before)
    counted: Counter[str] = Counter(state.counts)
    fold(desk.plan, state, record)
    if all(state.counts.get(name, 0) <= counted[name] for name in COUNTS):
        tally.effective += 1
    elif any(each.id == record.id for each in before):
        tally.earlier += 1
    else:
        tally.without_effect += 1
