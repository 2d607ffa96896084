"""A saga is a table: what begins it, what ends it, what fails it, and how each outcome is undone.

It knows event types only and never imports a step. Every row is checked when the table is made;
what needs the steps too is checked by `minuet.spec.assemble`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field
from itertools import starmap
from typing import NoReturn
from uuid import UUID

from pydantic.fields import FieldInfo

from minuet.duration import parse_ms
from minuet.errors import DefinitionError
from minuet.event.model import Event, Request
from minuet.event.platform import PLATFORM_EVENTS
from minuet.outside import Outside, Provided, written_at
from minuet.spec.model import BreakerSpec, ImportSpec

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_KEY_TYPES = (str, int, UUID)
_PLATFORM = frozenset(PLATFORM_EVENTS.values())


@dataclass(frozen=True, slots=True)
class Undo:
    """`outcome` is undone by asking `request`, which is answered with `undone`."""

    outcome: type[Event]
    request: type[Request]
    undone: type[Event]


@dataclass(frozen=True, slots=True)
class Deadline:
    """`event` happens when `within` has passed since `after`, unless `unless` has happened."""

    event: type[Request]
    _: KW_ONLY
    after: type[Event]
    unless: type[Event]
    within: str = "30m"


@dataclass(frozen=True, slots=True)
class Migrate:
    """Running sagas of the committed version `from_version` (`specs/NAME/v1.json` is 1) go on under
    the version of now, by an event on their log; those where one of `unless` has happened finish
    under their own.
    """

    from_version: int
    _: KW_ONLY
    unless: tuple[type[Event], ...] = ()


@dataclass(eq=False)
class Saga(Outside):
    """The table of a workflow.

    Args:
        name: of the workflow; its log is the topic `<name>.events`.
        key: the field of the begin event that is the saga's id.
        begins: the event that begins a saga.
        completes: the event that ends it well.
        pivot: after it there is no way back.
        fails: the events that make it fail; the first in the log wins.
        undo: how each outcome is undone; in reverse order of what happened.
        deadlines: events that happen by the clock of the log.
        external: events that others publish to the log.
        parallel_undo: undo all at once.
        partitions: of every topic of the workflow.
        duplicate_horizon: log time for which an ended saga knows its events again.
        migrates: which sagas of older versions go on under this one.

    Raises:
        DefinitionError: a row cannot be.
    """

    name: str
    _: KW_ONLY
    key: str
    begins: type[Event]
    completes: type[Event]
    pivot: type[Event] | None = None
    fails: tuple[type[Event], ...] = ()
    undo: tuple[Undo, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    external: tuple[type[Event], ...] = ()
    parallel_undo: bool = False
    partitions: int = 6
    duplicate_horizon: str = "7d"
    migrates: tuple[Migrate, ...] = ()
    provided: dict[type, Provided] = field(default_factory=dict, init=False, repr=False)
    categories: dict[type[Exception], str] = field(default_factory=dict, init=False, repr=False)
    breakers: dict[str, BreakerSpec] = field(default_factory=dict, init=False, repr=False)
    imported: dict[type[Event], ImportSpec] = field(default_factory=dict, init=False, repr=False)
    file: str = field(default="", init=False, repr=False)
    line: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self.file, self.line = written_at()
        self._check_settings()
        self._check_events()
        self._check_roles()
        for undo in self.undo:
            self._check_undo(undo)
        for deadline in self.deadlines:
            self._check_deadline(deadline)
        self._check_key()

    def refuse(
        self, message: str, mend: str, place: tuple[str, int] | None = None, *,
        rule: str = "definition",
    ) -> NoReturn:  # fmt: skip
        """Raise the error that names the saga, its place, what is wrong and how to mend it."""
        file, line = place or (self.file, self.line)
        where = f"saga {self.name}: {message}"
        raise DefinitionError(where, file=file, line=line, mend=mend, rule=rule)

    def _check_settings(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            mend = "the name begins its topics: small letters, digits, - and _"
            self.refuse(f"{self.name!r} is not a name", mend)
        if self.name == "minuet":
            self.refuse("`minuet` is Minuet's own prefix of topics", "name it for what it does")
        if not isinstance(self.partitions, int) or self.partitions < 1:
            self.refuse(f"partitions={self.partitions!r}", "write a number from 1 up")
        for name, text in (("duplicate_horizon", self.duplicate_horizon), *self._withins()):
            try:
                parse_ms(text)
            except ValueError:
                mend = f'write a number and a unit, as {name}="30m"'
                self.refuse(f"{name}={text!r} is not a time", mend)

    def _withins(self) -> Iterable[tuple[str, str]]:
        self._check_tuple("undo", self.undo, Undo)
        self._check_tuple("deadlines", self.deadlines, Deadline)
        self._check_tuple("migrates", self.migrates, Migrate)
        return [("within", deadline.within) for deadline in self.deadlines]

    def _check_tuple(self, name: str, rows: object, kind: type) -> None:
        if not isinstance(rows, tuple) or not all(isinstance(row, kind) for row in rows):
            mend = f"write {name}=({kind.__name__}(...),): mind the comma after a single one"
            self.refuse(f"{name} is not a tuple of {kind.__name__}", mend)

    def _check_events(self) -> None:
        for name in ("fails", "external"):
            if not isinstance(getattr(self, name), tuple):
                mend = f"write {name}=(SomeEvent,): mind the comma after a single one"
                self.refuse(f"{name} is not a tuple of events", mend)
        for where, event in self._named():
            if not isinstance(event, type) or not issubclass(event, Event):
                mend = "name the class of an event, which extends minuet.Event"
                self.refuse(f"{where} is {event!r}, not an event", mend)
            if event in (Event, Request):
                self.refuse(f"{where} is any {event.__name__}", "name one event")
            if event in _PLATFORM:
                mend = "leave it out: Minuet says its own events in every saga"
                self.refuse(f"{where} is Minuet's own {event.__name__}", mend)

    def _named(self) -> Iterable[tuple[str, object]]:
        yield from (("begins", self.begins), ("completes", self.completes))
        if self.pivot is not None:
            yield "pivot", self.pivot
        yield from (("a row of fails", event) for event in self.fails)
        yield from (("a row of external", event) for event in self.external)
        for rule in self.migrates:
            yield from (("an `unless` of Migrate", event) for event in rule.unless)
        for undo in self.undo:
            yield from (("an undo's outcome", undo.outcome), ("its request", undo.request))
            yield "what it is undone by", undo.undone
        for deadline in self.deadlines:
            yield from (("a deadline", deadline.event), ("its `after`", deadline.after))
            yield "its `unless`", deadline.unless

    def _check_roles(self) -> None:
        """An event that plays two of these parts would decide the saga both ways."""
        parts = [("begins", self.begins), ("completes", self.completes)]
        parts += [("fails", event) for event in self.fails]
        parts += [("an undo's request", undo.request) for undo in self.undo]
        parts += [("an undone event", undo.undone) for undo in self.undo]
        first: dict[type, str] = {}
        for part, event in parts:
            if event in first:
                mend = "give each part an event of its own"
                self.refuse(f"{event.__name__} is {first[event]} and {part} as well", mend)
            first[event] = part
        if self.pivot is not None and first.get(self.pivot, "completes") != "completes":
            mend = "the pivot is an outcome on the good way, such as ShipmentBooked"
            self.refuse(f"the pivot {self.pivot.__name__} is {first[self.pivot]} as well", mend)

    def _check_undo(self, undo: Undo) -> None:
        outcome, request = undo.outcome.__name__, undo.request.__name__
        if undo.outcome in (self.begins, self.completes, self.pivot):
            mend = "undo what happens before the pivot; let a step need the saga's end for the rest"
            self.refuse(f"{outcome} cannot be undone: it begins, completes or is the pivot", mend)
        if [u.outcome for u in self.undo].count(undo.outcome) > 1:
            self.refuse(f"{outcome} is undone twice", "leave one of the rows out")
        if not issubclass(undo.request, Request):
            mend = f"let it extend minuet.Request: class {request}(Request)"
            self.refuse(f"{request}, which asks to undo {outcome}, is not a request", mend)
        if issubclass(undo.outcome, Request) or issubclass(undo.undone, Request):
            mend = "outcome and undone are what steps say: let them extend minuet.Event"
            self.refuse(f"Undo({outcome}, …, {undo.undone.__name__}) undoes by a request", mend)
        self._check_copied(undo.request, undo.outcome)

    def _check_deadline(self, deadline: Deadline) -> None:
        name = deadline.event.__name__
        if not issubclass(deadline.event, Request):
            mend = f"the coordinator says it: class {name}(Request)"
            self.refuse(f"the deadline {name} is not a request", mend)
        others: list[type[Event]] = [self.begins, self.completes]
        others += [d.event for d in self.deadlines] + [u.request for u in self.undo]
        if Counter(others)[deadline.event] > 1:
            self.refuse(f"the deadline {name} is something else too", "give it its own event")
        if deadline.event in (deadline.after, deadline.unless) or deadline.after is deadline.unless:
            mend = "name three events: what happens, after which, and unless which"
            self.refuse(f"the deadline {name} waits for itself", mend)
        self._check_copied(deadline.event, deadline.after)

    def _check_copied(self, request: type[Request], source: type[Event]) -> None:
        """The coordinator fills a request by copying; it knows nothing else of events."""
        for name in request.model_fields.keys() - Request.model_fields.keys():
            wanted, there = request.model_fields[name], source.model_fields.get(name)
            field_name = f"{request.__name__}.{name}"
            if there is None:
                mend = f"add `{name}` to {source.__name__}, or remove it from {request.__name__}"
                message = f"{field_name} cannot be filled: {source.__name__} has none"
                self.refuse(message, mend, rule="not-copied")
            if not _same_type(wanted, there):
                mend = f"declare `{name}` with the same type in both"
                message = f"{field_name} cannot be filled: {source.__name__}.{name} is another type"
                self.refuse(message, mend, rule="not-copied")

    def _check_key(self) -> None:
        begins, there = self.begins.__name__, self.begins.model_fields.get(self.key)
        if issubclass(self.begins, Request):
            self.refuse(f"it begins with the request {begins}", "begin with an event")
        if there is None:
            mend = "name one of " + ", ".join(self.begins.model_fields)
            self.refuse(f"{begins} has no field {self.key!r} to be the key", mend)
        if there.annotation not in _KEY_TYPES:
            mend = "let it be a str, an int or a UUID, and never None"
            self.refuse(f"{begins}.{self.key} cannot be the key: {there.annotation}", mend)


def _same_type(one: FieldInfo, other: FieldInfo) -> bool:
    return (
        one.annotation == other.annotation
        and len(one.metadata) == len(other.metadata)
        and all(starmap(_same_constraint, zip(one.metadata, other.metadata, strict=True)))
    )


def _same_constraint(one: object, other: object) -> bool:
    """Pydantic's own constraints compare by identity, so look inside."""
    if one == other:
        return True
    return type(one) is type(other) and getattr(one, "__dict__", 0) == getattr(other, "__dict__", 1)
