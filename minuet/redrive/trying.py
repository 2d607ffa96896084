"""What would come of letters that are taken up again: their steps are tried, without effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from minuet.core.settle import Failure
from minuet.event.model import Event
from minuet.redrive.choosing import Choice, Desk, one
from minuet.redrive.judge import RESUME, Ready
from minuet.rehearsal.trying import Steps, Unknown
from minuet.spec.assemble import Workflow

ANSWERS, FAILS, UNKNOWN, APPENDS = "answers", "fails again", "unknown", "appends"
_PROGRESS_EVERY = 500

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Would:
    """What would come of one letter.

    Args:
        result: `answers` with the event `what`; `fails again` with the error `what`; `unknown`,
            and `what` says why; or `appends`: a record that no step has to run for.
    """

    id: str
    saga: str
    step: str
    result: str
    what: str


@dataclass(frozen=True)
class Tried:
    """What would come of all."""

    letters: list[Would]

    def counts(self) -> Counter[tuple[str, str, str]]:
        """How many of each step and result, and of each event or error."""
        return Counter((each.step, each.result, each.what) for each in self.letters)


def try_out(
    desk: Desk, workflow: Workflow, choice: Choice, simulated: Collection[str], progress: Progress
) -> Tried:
    """Try the step of each letter of a choice; nothing is written anywhere.

    Args:
        desk: what is needed.
        workflow: whose steps they are.
        choice: which letters.
        simulated: names of the steps with resources that run on their simulated forms.
        progress: told how many are done, and of how many.

    Raises:
        UsageError: a resource has no simulated form.
    """
    steps = Steps(workflow, desk.codec, simulated)
    try:
        return Tried(list(_each(desk, steps, choice, progress)))
    finally:
        steps.close()


def _each(desk: Desk, steps: Steps, choice: Choice, progress: Progress) -> Iterator[Would]:
    total = len(choice.letters)
    for number, letter in enumerate(choice.letters):
        if number % _PROGRESS_EVERY == 0:
            progress(number, total)
        ready = one(desk, choice.current, letter, {})
        if isinstance(ready, Ready):
            result, what = _would(steps, ready)
            about = letter.step or letter.type
            yield Would(letter.id, letter.saga, about, result, what)
    progress(total, total)


def _would(steps: Steps, ready: Ready) -> tuple[str, str]:
    letter, view = ready.letter, ready.view
    if ready.act != RESUME or view is None:
        return APPENDS, letter.type
    if "killed the process" in letter.error:
        return UNKNOWN, "it killed processes, and is not run here"
    slot = next((slot for slot in view.pending if slot.id == letter.slot), None)
    if slot is None:
        return UNKNOWN, "it has nothing to do as its saga stands"
    found = steps.run(slot, letter.saga, slot.attempt + 1, view.state.trace)
    match found:
        case Event():
            return ANSWERS, type(found).__name__
        case Failure():
            return FAILS, f"{found.category}: {found.error}"
        case Unknown(why):
            return UNKNOWN, why
    return FAILS, f"poison: {found.reason}"
