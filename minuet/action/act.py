"""Carries out an action: appends its event, then reads on and says what the log made of it."""

from __future__ import annotations

from dataclasses import dataclass

from minuet.action.compose import compose
from minuet.action.possible import decide
from minuet.action.view import View
from minuet.action.wish import Answer, Decision, Deed, Earlier, Refusal, Which, Wish
from minuet.contracts.codec import Codec
from minuet.core.plan import Plan
from minuet.errors import BrokerError
from minuet.event.model import Event
from minuet.event.person import Person
from minuet.event.record import BY, Record
from minuet.index import Index
from minuet.inspection.history import History, Progress, fold, read, read_on
from minuet.kafka.connection import Connection
from minuet.kafka.writer import Place, WriteError, Writer

_ACK_MS = 20_000
_LOOKS = 20  # until the log shows what it has acknowledged
_KNOWN = ("duplicates", "nondeterministic", "conflicts")  # of a record whose id was there before


@dataclass(frozen=True)
class Outcome:
    """What came of a wish.

    Args:
        result: `effective`; `earlier` (somebody's same action was first: `by` it); `refused`
            (nothing was appended); `stray`, `illegal` or `nothing` (appended, and the log took it
            for that, since something else was first).
        why: of what was not effective.
        offset: of the record, -1 when none was appended.
        view: the saga after it.
    """

    result: str
    view: View
    why: str = ""
    deed: Deed | None = None
    offset: int = -1
    by: Record | None = None

    @property
    def is_done(self) -> bool:
        """Whether what was wanted holds, whoever did it."""
        return self.result in ("effective", "earlier")


@dataclass(frozen=True)
class Desk:
    """What is needed to act.

    Args:
        now_ms: of the operator's clock, which decides nothing on the log.
    """

    connection: Connection
    plan: Plan
    codec: Codec
    now_ms: int

    def look(self, saga: str, progress: Progress, index: Index | None = None) -> View:
        """Read a saga as the log says now.

        Args:
            saga: its id.
            progress: told how much is read, and of how much.
            index: of the log; without one all of the partition is read.

        Raises:
            MinuetError: there is no such saga, or Kafka cannot be reached.
        """
        return self._view(read(self.connection, self.plan, saga, progress, index))

    def act(self, view: View, wish: Wish, person: Person, event: Event | None) -> Outcome | Which:
        """Append what fulfils the wish, if that is still possible, and see what came of it.

        Args:
            view: what was looked at before; what has come since is read first.
            wish: what is wanted.
            person: who wants it, and why.
            event: an answer's content.

        Raises:
            BrokerError: it is not known whether the event was written.
        """
        view = self._view(read_on(self.connection, self.plan, view.history))
        decision = decide(view, wish)
        if not isinstance(decision, Deed):
            return settled(view, decision)
        offset = self._append(view, decision, person, event)
        history = view.history
        for _ in range(_LOOKS):
            history = read_on(self.connection, self.plan, history)
            if history.after > offset:
                return judged(self._view(history), wish, decision, offset)
        message = f"the event stands at offset {offset}, and the log does not show it yet"
        raise BrokerError(message)

    def _view(self, history: History) -> View:
        return View(self.plan, history, self.now_ms)

    def _append(self, view: View, deed: Deed, person: Person, event: Event | None) -> int:
        value, headers = compose(view, deed, person, self.codec, event)
        writer = Writer(
            self.connection, self.plan.spec.log_topic, **{"message.timeout.ms": _ACK_MS}
        )
        done: list[Place | WriteError] = []
        history = view.history
        writer.append(
            history.saga.encode(), value, [*headers], done.append, partition=history.partition
        )
        writer.flush(_ACK_MS / 1000)
        if done and isinstance(done[0], Place):
            return done[0].offset
        why = done[0] if done else f"Kafka at {self.connection.bootstrap}: no acknowledgement"
        message = f"{why}; type the same again: what is written twice has its effect once"
        raise BrokerError(message)


def settled(view: View, decision: Earlier | Which | Refusal) -> Outcome | Which:
    """Say what came of a wish for which nothing was appended."""
    match decision:
        case Earlier(record):
            return Outcome("earlier", view, by=record)
        case Refusal(why):
            return Outcome("refused", view, why)
    return decision


def judged(view: View, wish: Wish, deed: Deed, offset: int) -> Outcome:
    """Say what the fold made of the record at an offset; pure."""
    history = view.history
    number = next(n for n, r in enumerate(history.records) if r.offset == offset)
    note, record = history.notes[number], history.records[number]
    if note in _KNOWN:
        first = next(r for r in history.records if r.id == record.id)
        if isinstance(wish, Answer) and first.digest != record.digest:
            why = f"{first.text(BY)} was first, with other content"
            return Outcome("nothing", view, why, deed, offset, first)
        return Outcome("earlier", view, deed=deed, offset=offset, by=first)
    if note:
        why = "something else was first: see what has happened meanwhile"
        return Outcome(note.removesuffix("s"), view, why, deed, offset)
    again = _before(view, number, wish)
    if isinstance(again, Deed) and again.id == deed.id:
        return Outcome("effective", view, deed=deed, offset=offset)
    why = again.why if isinstance(again, Refusal) else "something else was first"
    return Outcome("nothing", view, why, deed, offset)


def _before(view: View, number: int, wish: Wish) -> Decision:
    """What would have been decided just before the record was appended."""
    history = view.history
    records = history.records[:number]
    before = History(history.saga, history.partition, records, *fold(view.plan, records))
    return decide(View(view.plan, before, view.now_ms), wish)
