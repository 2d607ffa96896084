"""Letters that a person has dealt with: which can be marked so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from minuet.inspection.letters import Letter, Wanted
from minuet.redrive.choosing import Desk, look
from minuet.redrive.judge import PUBLISH, Left, Ready


@dataclass
class Sorted:
    """Letters by whether they can be discarded.

    Args:
        may: these can be.
        waiting: about these an incident is open: by their step or event type, how many.
        example: one of these.
        settled: nothing is to be done about so many, so that discarding them says nothing.
    """

    may: list[Letter] = field(default_factory=list)
    waiting: Counter[str] = field(default_factory=Counter)
    example: Letter | None = None
    settled: int = 0


def sort(desk: Desk, wanted: Wanted, progress: Callable[[int, int], None]) -> Sorted:
    """Look at the letters that are wanted; nothing is written.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: a topic is missing.
    """
    found = Sorted()
    for judged in look(desk, wanted, progress)[1]:
        letter = judged.letter
        if isinstance(judged, Left) and judged.settled:
            found.settled += 1
        elif _waits(judged):
            found.waiting[letter.step or letter.type] += 1
            found.example = found.example or letter
        elif letter.id:
            found.may.append(letter)
        else:
            found.settled += 1  # somebody else's record, which has no id to name it by
    return found


def _waits(judged: Ready | Left) -> bool:
    """Whether a saga waits for a person because of it."""
    if isinstance(judged, Ready):
        return judged.act != PUBLISH
    return bool(judged.letter.slot) or judged.letter.category == "poison"
