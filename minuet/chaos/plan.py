"""What goes wrong and when, drawn from a seed: the same seed gives the same plan, however long."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from typing import NamedTuple

from minuet.errors import UsageError

SESSION_S = 6.0  # of a worker that is silent

# Each kind, and for how long it lasts, in seconds: the shortest and the longest.
KINDS = {
    "kill": (0.0, 0.0),  # SIGKILL of a worker; another is started at once
    "failpoint": (0.0, 0.0),  # a worker dies at a named place of its own code
    "zombie": (SESSION_S + 2, SESSION_S + 9),  # SIGSTOP of a worker, longer than its session
    "pause": (0.5, SESSION_S / 2),  # SIGSTOP of a worker, too short to be noticed
    "scale": (2.0, 6.0),  # one more worker, which stops again
    "storm": (10.0, 14.0),  # one worker, then four, two and six, and as many as before
    "restart": (0.0, 0.0),  # SIGTERM of a worker; another is started
    "poison": (0.0, 0.0),  # records that nobody can read, on the log
    "cut": (0.5, 3.0),  # connections are cut after each append and before its answer
    "broker-kill": (0.5, 3.0),  # SIGKILL of the broker, which is down for so long
    "broker-pause": (1.0, 12.0),  # SIGSTOP of the broker
    "node-kill": (2.0, 8.0),  # SIGKILL of one node of several, which is down for so long
    "node-pause": (2.0, 12.0),  # SIGSTOP of one node of several
}
OF_ONE_BROKER = ("cut", "broker-kill", "broker-pause")
OF_SEVERAL = ("node-kill", "node-pause")


class Fault(NamedTuple):
    """`kind` happens `at_s` after the beginning, and lasts `seconds`."""

    at_s: float
    kind: str
    seconds: float


def kinds_of(nodes: int) -> tuple[str, ...]:
    """Return the kinds that a Kafka of so many nodes can have."""
    others = OF_ONE_BROKER if nodes > 1 else OF_SEVERAL
    return tuple(kind for kind in KINDS if kind not in others)


def check(kinds: Collection[str], nodes: int) -> None:
    """Say what cannot be.

    Raises:
        UsageError: there is no such kind, or a Kafka of so many nodes cannot have it.
    """
    if unknown := sorted(set(kinds) - set(KINDS)):
        message = f"there is no fault {unknown[0]!r}: choose among {', '.join(KINDS)}"
        raise UsageError(message)
    if wrong := sorted(set(kinds) - set(kinds_of(nodes))):
        how = "leave --nodes out" if nodes > 1 else "say --nodes 3"
        message = f"{wrong[0]} is a fault of {'one broker' if nodes > 1 else 'several'}: {how}"
        raise UsageError(message)


def plan(seed: int, every_s: float, kinds: Collection[str] = tuple(KINDS)) -> Iterator[Fault]:
    """Draw faults without end.

    Args:
        seed: of all that is drawn.
        every_s: on average so long from one to the next; a fault begins when the last is over.
        kinds: that may be drawn.
    """
    return _draw(random.Random(f"chaos-{seed}"), every_s, [n for n in KINDS if n in kinds])


def _draw(dice: random.Random, every_s: float, names: list[str]) -> Iterator[Fault]:
    at_s = 0.0
    while True:
        at_s += dice.uniform(0.5, 1.5) * every_s
        kind = dice.choice(names)
        seconds = dice.uniform(*KINDS[kind])
        yield Fault(round(at_s, 2), kind, round(seconds, 2))
        at_s += seconds
