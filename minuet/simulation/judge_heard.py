"""What a handler said is on the log, unless its worker died or lost the partition meanwhile."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

from minuet.engines.simulation import Outcome
from minuet.simulation.hearing import Heard
from minuet.simulation.history import Told
from minuet.simulation.judge import Violation
from minuet.simulation.outside import Effect

APPENDED_MS = 5_000  # by then what is said has been appended, however often that fails


def judge_heard(
    outcome: Outcome, sagas: Mapping[str, Told], heard: Sequence[Heard]
) -> Iterator[Violation]:
    """Yield what was said and is not there, though nobody and nothing stood in its way."""
    there = {(said.slot, said.type) for saga in sagas.values() for said in saga.records}
    for one in heard:
        if (one.slot, one.type) not in there and not _is_disturbed(outcome, one):
            what = f"{one.worker} was told {one.type}, and it is not on the log"
            yield Violation("answer", one.saga, what)


def fenced_in(outcome: Outcome) -> Callable[[Effect], bool]:
    """Return whether an effect is of a handler that began when the group had expelled its worker.

    It came back from a silence and did not know yet. No check can keep it from calling a service:
    it may fall silent after the check. What it says is a stray.
    """
    out: dict[str, list[tuple[int, bool]]] = {}
    for at_ms, what in outcome.course.notes():
        words = what.split(" ")
        if what.startswith("group ") and words[-1] in ("silent", "joins"):
            out.setdefault(words[2], []).append((at_ms, words[-1] == "silent"))

    def fenced(effect: Effect) -> bool:
        began_ms, changes = effect.began_ms, out.get(effect.worker, ())
        # It learns in the same ms in which it joins again, but perhaps after the handler began.
        before = [gone for at_ms, gone in changes if at_ms < began_ms + gone]
        return bool(before) and before[-1]

    return fenced


def _is_disturbed(outcome: Outcome, one: Heard) -> bool:
    """Whether any worker came, went or was silent meanwhile."""
    notes = list(outcome.course.notes())
    times = [at_ms for at_ms, _ in notes]
    first = bisect_left(times, one.began_ms)
    if first < len(times) and times[first] <= one.at_ms + APPENDED_MS:
        return True
    own = [what for _, what in notes[:first] if what.startswith(f"{one.worker} is ")]
    return bool(own) and own[-1] == f"{one.worker} is silent"
