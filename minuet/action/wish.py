"""What a person wants done about a saga, and what can come of it. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

from minuet.event.record import Record


@dataclass(frozen=True, slots=True)
class Resume:
    """Let a parked slot run again. `name`: its step or its id; empty when only one is parked."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Give a slot its answer, or an unreadable event a readable value.

    Args:
        step: its name, or the slot's id; `-`, or an event's id, for what no step says.
        event: the event's type.
        digest: of its content; empty when one only asks whether it may be given.
    """

    step: str
    event: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Skip:
    """Do without an undo, an in-doubt slot, or an event that cannot be undone.

    `name`: a step, an event's type, or the id of a slot or event; empty for the only incident.
    """

    name: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Make the saga fail, so that what happened is undone."""


@dataclass(frozen=True, slots=True)
class Redo:
    """Begin a new round of a compensated saga, with the begin event alone."""


Wish = Resume | Answer | Skip | Cancel | Redo


@dataclass(frozen=True, slots=True)
class Deed:
    """The event that fulfils a wish, less what its body adds.

    Args:
        about: what it acts on, in words.
        step, slot, causes, undoes, late: as the record's headers have them.
        carries: the record whose bytes it repeats (a redo).
    """

    type: str
    id: str
    about: str
    step: str = ""
    slot: str = ""
    causes: tuple[str, ...] = ()
    undoes: str = ""
    late: bool = False
    carries: Record | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """Somebody has done it already: their record."""

    record: Record


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several that may be meant: what to type for it, and what it is."""

    name: str
    about: str


@dataclass(frozen=True, slots=True)
class Which:
    """More than one may be meant."""

    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """It is not possible as the saga stands; says why."""

    why: str


Decision = Deed | Earlier | Which | Refusal
