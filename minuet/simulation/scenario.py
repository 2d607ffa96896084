"""What goes wrong in one run: drawn from a seed, and plain data from then on.

A scenario can be written down, made smaller and run again; the seed is not needed any more for what
is to happen, only for the order in which the models draw.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from minuet.engines.model_broker import NO_FAULTS, Faults
from minuet.engines.simulated import Happening
from minuet.engines.turns import TURNS

SPREADS_MS = (20, 200, 1_500)  # over which sagas begin, one of these
WORKED_OFF_MS = 250  # and the last of them takes about so long
ONE_MORE = 0.4  # how likely one more worker comes: partitions change hands
STORM_MS = 12_000  # after which services and links are well again
WORKERS = 2
WITHIN_MS = (0, 0, 20, 100, 400, 2_000, 8_000)  # of deadlines: some in the midst of it all
RESTARTED = 0.4  # how likely all of it is restored in the end
COMES = 0.8  # how likely an event comes from outside, and comes once more
COMES_AGAIN = 0.2
CRASHES_WITHIN = 12  # things that a worker sends
ON_DISK = 0.005  # how likely workers keep rows on disk


@dataclass(frozen=True, slots=True)
class Trouble:
    """What services outside do, as shares of their calls, until the storm is over.

    Args:
        refused: the connection fails, and nothing was done.
        dropped: it was done, and the answer is lost.
        slow: it takes up to twice the step's usual wait.
        late: it was done, and the answer comes when the step's timeout has passed, or nearly.
        changed: asked again, whatever the key, it answers otherwise.
    """

    refused: float = 0.0
    dropped: float = 0.0
    slow: float = 0.0
    late: float = 0.0
    changed: float = 0.0


@dataclass(frozen=True, slots=True)
class Letter:
    """An event that somebody outside publishes, `at_ms` after the start.

    Args:
        saga: the line of the begin event whose saga it is for; `type`: of the event.
        draw: seeds what it says; the same once more says the same. Of a begin event, nothing.
    """

    at_ms: float
    saga: int
    type: str
    draw: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How a worker is run: the options of that name, the least of which are soon reached."""

    in_flight: int = 1_000
    window: int = 4_000
    late: int = 500
    timers: int = 20_000
    checkpoint_records: int = 5_000


@dataclass(frozen=True, slots=True)
class Rows:
    """Where workers keep rows, and how they go through them.

    Args:
        memory: rows that a worker keeps there, the others on disk; None for all.
        slice: sagas or rows at once, before others get their turn; `pause_ms`: how long that is.
    """

    memory: int | None = None
    slice: int = TURNS.every
    pause_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run.

    Args:
        seed: of what the models draw.
        begins: the lines of the file of begin events that begin its sagas, counted from 0.
        spread_ms: over how long they begin.
        workers: that are there from the start.
        faults: of Kafka; `trouble`: of the services.
        script: what happens to workers.
        letters: what else comes from outside.
        bounds: of the workers; `rows`: how they keep them.
        within_ms: of the shortest deadline, the others in proportion; 0 for what is written.
        restarts: whether one worker restores all of it in the end, from a compacted table.
    """

    seed: int
    begins: tuple[int, ...]
    spread_ms: int = SPREADS_MS[-1]
    workers: int = WORKERS
    faults: Faults = NO_FAULTS
    trouble: Trouble = Trouble()
    script: tuple[Happening, ...] = ()
    letters: tuple[Letter, ...] = ()
    bounds: Bounds = Bounds()
    rows: Rows = Rows()
    within_ms: int = 0
    restarts: bool = False

    def as_json(self) -> str:
        """Write it down; `read` takes it back."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Scenario:
        """Read what `as_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        faults: Mapping[str, Any] = fields["faults"]
        return cls(**{
            **fields,
            "begins": tuple(fields["begins"]),
            "faults": Faults(**{**faults, "latency_ms": tuple(faults["latency_ms"])}),
            "trouble": Trouble(**fields["trouble"]),
            "script": tuple(Happening(**one) for one in fields["script"]),
            "letters": tuple(Letter(**one) for one in fields["letters"]),
            "bounds": Bounds(**fields["bounds"]),
            "rows": Rows(**fields.get("rows", {})),
        })  # fmt: skip


def draw(
    seed: int, sagas: int, of: int, begins: str = "", external: Sequence[str] = ()
) -> Scenario:
    """Draw a scenario: at least two workers, and at least three kinds of fault.

    Args:
        sagas: that begin, each by another one `of` so many begin events.
        begins: the type of these; empty for none that comes twice.
        external: the types that others publish.
    """
    rng = random.Random(f"minuet-{seed}")
    lines = tuple(rng.sample(range(of), sagas))
    spread_ms = rng.choice(SPREADS_MS)
    faults = Faults(
        latency_ms=(0.2, rng.choice((2.0, 8.0, 40.0))),
        duplicated=_share(rng, 0.1),
        ack_lost=rng.uniform(0.02, 0.1),
        append_lost=_share(rng, 0.1),
        session_ms=rng.choice((2_000, 6_000)),
        torn=rng.choice((0.0, 0.5, 1.0)),
    )
    trouble = Trouble(
        refused=_share(rng, 0.15),
        dropped=rng.uniform(0.05, 0.2),
        slow=_share(rng, 0.2),
        late=_often(rng, 0.2),
        changed=_often(rng, 0.9),
    )
    script = _script(rng, spread_ms + WORKED_OFF_MS)
    letters = _letters(rng, lines, spread_ms, begins, external)
    within_ms = rng.choice(WITHIN_MS)
    return Scenario(
        seed, lines, spread_ms, WORKERS, faults, trouble, script, letters, _bounds(rng),
        within_ms=within_ms, restarts=rng.random() < RESTARTED, rows=_rows(rng),
    )  # fmt: skip


def _letters(
    rng: random.Random, lines: Sequence[int], spread_ms: int, begins: str, external: Sequence[str]
) -> tuple[Letter, ...]:
    """Draw what comes from outside: early, at any time, twice, in two ways; or never."""
    found = []
    until_ms = spread_ms + 2 * WORKED_OFF_MS
    for line in lines:
        for kind in external:
            at = rng.choice((0.0, rng.uniform(0, until_ms), rng.uniform(0, STORM_MS)))
            if rng.random() < COMES:
                found.append(Letter(at, line, kind))
            if rng.random() < COMES_AGAIN:
                again = at + rng.choice((0.0, rng.uniform(0, until_ms)))
                found.append(Letter(again, line, kind, rng.randrange(2)))
        if begins and rng.random() < COMES_AGAIN:
            found.append(Letter(rng.uniform(0, until_ms), line, begins))
    return tuple(sorted(found, key=lambda one: one.at_ms))


def _bounds(rng: random.Random) -> Bounds:
    """Draw bounds, half of the time those that nobody reaches."""
    if rng.random() < 0.5:
        return Bounds()
    return Bounds(
        in_flight=rng.choice((1, 3, 1_000)),
        window=rng.choice((2, 4_000)),
        late=rng.choice((1, 500)),
        timers=rng.choice((0, 1, 20_000)),
        checkpoint_records=rng.choice((1, 7, 5_000)),
    )


def _rows(rng: random.Random) -> Rows:
    """Draw how rows are kept: seldom on disk, which costs seven times as much, and in slices so
    small that something happens while a worker goes through what few sagas there are.
    """
    memory = rng.choice((0, 2)) if rng.random() < ON_DISK else None
    slice_, pause_ms = rng.choice(((TURNS.every, 0.0), (1, 0.0), (1, 2.0), (2, 20.0), (1, 250.0)))
    return Rows(memory, slice_, pause_ms)


def _share(rng: random.Random, most: float) -> float:
    """Draw a share, half of the time none at all."""
    return rng.choice((0.0, rng.uniform(0, most)))


def _often(rng: random.Random, most: float) -> float:
    """Draw a share, a third of the time none at all."""
    return rng.choice((0.0, rng.uniform(0, most), rng.uniform(0, most)))


def _script(rng: random.Random, until_ms: float) -> tuple[Happening, ...]:
    """Draw what happens to workers: each is killed, silent for a while, or stopped, perhaps."""
    found: list[Happening] = []
    spare = WORKERS
    for number in range(WORKERS):
        at = rng.uniform(1, until_ms)
        what: Literal["kill", "crash", "freeze", "stop", "nothing"]
        what = rng.choice(("kill", "crash", "crash", "freeze", "freeze", "stop", "nothing"))
        if number == 0 and what == "nothing":
            what = "kill"
        if what == "freeze":
            found += _silence(rng, at, number)
        elif what != "nothing":
            after = rng.randrange(1, CRASHES_WITHIN) if what == "crash" else 0
            found.append(Happening(at, what, number, after))
            back = at + rng.choice((0.0, rng.uniform(0, 200), rng.uniform(0, 9_000)))
            found.append(Happening(back, "start", spare))
            spare += 1
    if rng.random() < ONE_MORE:
        at = rng.uniform(1, until_ms)
        found.append(Happening(at, "start", spare))
        if rng.random() < ONE_MORE:
            gone = at + rng.uniform(1, 3_000)
            found.append(Happening(gone, "stop" if rng.random() < ONE_MORE else "kill", spare))
    return tuple(sorted(found, key=lambda one: one.at_ms))


def _silence(rng: random.Random, at: float, number: int) -> list[Happening]:
    """Draw a silence, shorter or longer than the session."""
    until = at + rng.choice((rng.uniform(100, 1_900), rng.uniform(2_100, 9_000)))
    return [Happening(at, "freeze", number), Happening(until, "thaw", number)]
