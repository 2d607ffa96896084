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
    "restart": (0.0, 0.0),  # SIGTERM of a worker; another is started
    "cut": (0.5, 3.0),  # connections are cut after each append and before its answer
    "broker-kill": (0.5, 3.0),  # SIGKILL of the broker, which is down for so long
    "broker-pause": (1.0, 12.0),  # SIGSTOP of the broker
}


class Fault(NamedTuple):
    """`kind` happens `at_s` after the beginning, and lasts `seconds`."""

    at_s: float
    kind: str
    seconds: float


def plan(seed: int, every_s: float, kinds: Collection[str] = tuple(KINDS)) -> Iterator[Fault]:
    """Draw faults without end.

    Args:
        seed: of all that is drawn.
        every_s: on average so long from one to the next; a fault begins when the last is over.
        kinds: that may be drawn.

    Raises:
        UsageError: there is no such kind.
    """
    if unknown := sorted(set(kinds) - set(KINDS)):
        message = f"there is no fault {unknown[0]!r}: choose among {', '.join(KINDS)}"
        raise UsageError(message)
    return _draw(random.Random(f"chaos-{seed}"), every_s, [n for n in KINDS if n in kinds])


def _draw(dice: random.Random, every_s: float, names: list[str]) -> Iterator[Fault]:
    at_s = 0.0
    while True:
        at_s += dice.uniform(0.5, 1.5) * every_s
        kind = dice.choice(names)
        seconds = dice.uniform(*KINDS[kind])
        yield Fault(round(at_s, 2), kind, round(seconds, 2))
        at_s += seconds
