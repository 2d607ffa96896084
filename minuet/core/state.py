"""What is known of one saga: the fold of its records, and nothing else.

Kept: each effective event once by type, requests and undone events by the id of what they undo,
the tries of each slot, open incidents, strays that must be undone, and the ids of all that was
folded. Everything else (what is due, which timer is next, what is in doubt) is a function of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """Where a saga stands."""

    EARLY = "early"  # events came, the begin event has not
    RUNNING = "running"
    FAILING = "failing"  # a fail event won: what happened is being undone
    COMPLETED = "completed"
    COMPENSATED = "compensated"

    @property
    def ended(self) -> bool:
        """Whether the end event has been read."""
        return self is Status.COMPLETED or self is Status.COMPENSATED


class Place(StrEnum):
    """Where an entry stands in the state; one letter, since rows repeat it."""

    EFFECTIVE = "e"
    LATE = "l"  # effective, said when the failure was known: nothing follows from it
    REQUEST = "r"
    UNDONE = "u"
    SKIP = "s"  # a slot or an undo that was answered without a run
    STRAY = "x"  # came second; kept because it must be undone
    HELD = "h"  # an event of an early saga


@dataclass(slots=True, init=False)  # mypyc compiles a constructor that is written, no other
class Entry:
    """An event as the state keeps it.

    Args:
        schema: the record's `ce_dataschema` header.
        value: raw bytes while a step or an undo may still need them, else None.
        slot: the slot it answers, or empty.
        undoes: for requests, undone events and skips: the id of what is undone.
        rejected: its value cannot be read (rule 8).
    """

    id: str
    type: str
    offset: int
    time: int
    digest: str
    place: Place
    slot: str = ""
    undoes: str = ""
    schema: bytes = b""
    value: bytes | None = None
    rejected: bool = False
    causes: tuple[str, ...] = ()

    def __init__(  # noqa: PLR0913  (an event has so many parts)
        self, id: str, type: str, offset: int, time: int, digest: str, place: Place,
        slot: str = "", undoes: str = "", schema: bytes = b"", value: bytes | None = None,
        rejected: bool = False, causes: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.id, self.type = id, type
        self.offset, self.time = offset, time
        self.digest, self.place = digest, place
        self.slot, self.undoes = slot, undoes
        self.schema, self.value = schema, value
        self.rejected, self.causes = rejected, causes


@dataclass(slots=True)
class Tries:
    """The attempts at a slot that the log knows of; `parked` waits for a person.

    `since` is the attempt after which a person last resumed it: from there the policy counts anew.
    `decided`: when that person did so the saga was failing, so what is in doubt may run again.
    """

    step: str
    attempt: int
    not_before: int = 0
    since: int = 0
    parked: bool = False
    decided: bool = False


@dataclass(slots=True)
class Incident:
    """Something only a person can settle.

    `kind` is `gave-up`, `rejected`, `irreversible`, `failed-after-pivot` or `undo-impossible`;
    the key in `State.incidents` is a slot for `gave-up`, else the id of the event it is about.
    """

    kind: str
    about: str  # the step, or the event type
    offset: int
    reason: str = ""


COUNTS = ("duplicates", "conflicts", "nondeterministic", "strays", "illegal")


@dataclass(slots=True)
class State:
    """One saga; see the module's text.

    Args:
        round: empty, or the id of the last redo.
        version: of the workflow, as the first record that names one says.
        trace: the begin event's `traceparent`.
        log_offset: of the last record folded; `at` is its time.
        events: effective events by type, late ones too.
        mask: bits of the effective types that are not late; `said`: of all effective types.
        ids: every kept entry that is effective, a request or undone, by id.
        answers: slot -> id of its answer.
        seen: id -> digest of every record folded, while the saga is live.
        known: once it has ended and is at rest, 6 bytes of the begin event's id, of its digest,
            and of each other id folded; what else stands here of the begin event is dropped then.
        slots: step -> (ids of its causes, slot), a cache of what `due` computed.
    """

    saga_id: str
    status: Status = Status.EARLY
    round: str = ""
    version: str = ""
    trace: str = ""
    log_offset: int = -1
    at: int = 0
    failed_by: str = ""
    failed_offset: int = -1
    begin_id: str = ""
    begin_digest: str = ""
    begin_offset: int = -1
    events: dict[str, Entry] = field(default_factory=dict)
    requests: dict[str, Entry] = field(default_factory=dict)
    undone: dict[str, Entry] = field(default_factory=dict)
    strays: dict[str, Entry] = field(default_factory=dict)
    skips: dict[str, Entry] = field(default_factory=dict)
    held: list[Entry] = field(default_factory=list)
    tries: dict[str, Tries] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    known: bytes = b""
    counts: dict[str, int] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    ids: dict[str, Entry] = field(default_factory=dict)
    mask: int = 0
    said: int = 0
    slots: dict[str, tuple[list[str], str]] = field(default_factory=dict)

    @property
    def failing(self) -> bool:
        """Whether forward work has stopped for good."""
        return self.status is Status.FAILING or self.status is Status.COMPENSATED

    def count(self, what: str) -> None:
        """Add one to a counter, one of `COUNTS`."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def undoable(self, event_id: str) -> Entry | None:
        """Return the outcome or stray with this id."""
        return self.strays.get(event_id) or self.ids.get(event_id)

    def keep(self, entry: Entry, bit: int) -> None:
        """Index an entry by its place; `bit` is its type's in the plan, 0 when unknown."""
        place = entry.place
        if place is Place.STRAY:
            self.strays[entry.id] = entry
            return
        if place is Place.HELD:
            self.held.append(entry)
            return
        if place is not Place.SKIP:
            self.said |= bit
            if place is not Place.LATE:
                self.mask |= bit
            self.events.setdefault(entry.type, entry)
            self.ids[entry.id] = entry
        elif not entry.undoes:
            self.skips[entry.id] = entry
        if entry.slot:
            self.answers[entry.slot] = entry.id
        if place is Place.REQUEST:
            self.requests[entry.undoes] = entry
        elif entry.undoes:
            self.undone[entry.undoes] = entry
            if entry.undoes in self.requests and self.undoable(entry.undoes) is None:
                # A slot in doubt, undone unseen (rule 4); its own answer may have come before.
                self.answers.setdefault(entry.undoes, entry.id)

    def entries(self) -> Iterator[Entry]:
        """Iterate over every kept entry once, in no order that matters."""
        yield from self.ids.values()
        yield from self.strays.values()
        yield from self.skips.values()
        yield from (entry for entry in self.undone.values() if entry.place is Place.SKIP)
        yield from self.held
