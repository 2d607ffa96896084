"""What `rebuild` and `verify --repair` share: to ask for a table made anew, and to wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from minuet.cli.person import person
from minuet.engines.units import Units
from minuet.event.person import Person
from minuet.kafka.connection import Connection
from minuet.operations.journal import Journal
from minuet.rebuild import Asked, ask, done, unblock
from minuet.spec.model import Spec

_LOOK_S = 0.3
_LIVE_EVERY = 10  # looks


Show = Callable[[int, int], None]  # how many partitions are done, and of how many


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made anew: some sagas, or all of these partitions (None: of every one)."""

    sagas: tuple[str, ...] = ()
    partitions: tuple[int, ...] | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a request: where it stands, and whether a worker has done it."""

    asked: Asked
    by_worker: bool


def make_all_anew(
    place: Connection, spec: Spec, wanted: Sequence[Wanted], person: Person, show: Show
) -> list[Made]:
    """Have all of it made anew, as one operation that is noted."""
    journal = Journal(place, spec)
    asked = [asdict(each) for each in wanted]
    operation = journal.begin("rebuild", person.by, person.why, {"wanted": asked})
    made: list[Made] = []
    result = "failed"
    try:
        for each in wanted:
            made.append(make_anew(place, spec, each, person, show))  # noqa: PERF401  (counted if it fails)
        result = "done"
    except KeyboardInterrupt:
        result = "interrupted"
        raise
    finally:
        waits = sum(len(each.asked.offsets) for each in made if not each.by_worker)
        every = sum(len(each.asked.offsets) for each in made)
        counts = {"partitions": every, "left_to_the_next_worker": waits}
        journal.end(operation, result, counts)
    return made


def make_anew(place: Connection, spec: Spec, wanted: Wanted, person: Person, show: Show) -> Made:
    """Ask for it, and wait until it is done, as long as there is a worker to do it."""
    units = Units(place, spec.group)
    asked = ask(
        place, spec, wanted.sagas or None, person,
        partitions=wanted.partitions, force=wanted.force,
    )  # fmt: skip
    if not units.coordinator_is_live():
        unblock(place, spec, asked)
        return Made(asked, by_worker=False)
    looks = 0
    while left := done(place, spec, asked):
        show(len(asked.offsets) - len(left), len(asked.offsets))
        time.sleep(_LOOK_S)
        looks += 1
        if looks % _LIVE_EVERY == 0 and not units.coordinator_is_live():
            return Made(asked, by_worker=False)
    return Made(asked, by_worker=True)


def told(spec: Spec, made: Made) -> str:
    """What came of a request, in a line."""
    where = _places(made.asked.offsets.items())
    if made.by_worker:
        return f"{spec.name}: made anew from the log, as asked at {where}"
    return (
        f"{spec.name}: no worker that owns the table runs. The request stands at {where}: the next "
        f"`minuet worker {spec.name}` makes it anew before it does anything else"
    )


def _places(offsets: Iterable[tuple[int, int]]) -> str:
    return ", ".join(f"{partition}/{offset}" for partition, offset in sorted(offsets))


def person_of(by: str, why: str) -> Person:
    """Who asks for it, and why.

    Raises:
        UsageError: there is no reason, or nobody has a name.
    """
    found = person(by, why)
    return Person(found.by, found.why)
