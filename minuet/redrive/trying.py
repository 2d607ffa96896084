"""What would come of letters that are taken up again: their steps are tried, without effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from minuet.contracts.codec import Codec
from minuet.core.settle import Failure
from minuet.event.model import Event
from minuet.redrive.judge import RESUME, Ready
from minuet.rehearsal.trying import Steps, Unknown
from minuet.spec.assemble import Workflow

ANSWERS, FAILS, UNKNOWN, APPENDS = "answers", "fails again", "unknown", "appends"


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


class Trying:
    """Tries the step of each letter that it visits; nothing is written anywhere.

    Args:
        workflow: whose steps they are.
        codec: of its events.
        simulated: names of the steps with resources that run on their simulated forms.

    Attributes:
        letters: what would come of each.

    Raises:
        UsageError: a resource has no simulated form.
    """

    def __init__(self, workflow: Workflow, codec: Codec, simulated: Collection[str]) -> None:
        self._steps = Steps(workflow, codec, simulated)
        self.letters: list[Would] = []

    def visit(self, ready: Ready) -> None:
        """Try a letter."""
        letter = ready.letter
        result, what = _would(self._steps, ready)
        about = letter.step or letter.type
        self.letters.append(Would(letter.id, letter.saga, about, result, what))

    def counts(self) -> Counter[tuple[str, str, str]]:
        """How many of each step and result, and of each event or error."""
        return Counter((each.step, each.result, each.what) for each in self.letters)

    def close(self) -> None:
        """Let go of what suspended steps ran in."""
        self._steps.close()


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
