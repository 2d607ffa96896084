"""What becomes of a dead letter as its saga stands: an event to append, or why there is none. Pure.

A step that gave up is resumed; a value that could not be read and can be now is given again; a
record that belonged to no saga is appended as it was, once it does belong to one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from minuet.action.answering import replacing
from minuet.action.view import View
from minuet.action.wish import Deed
from minuet.contracts.codec import Codec
from minuet.core.fold import fold
from minuet.core.plan import Plan
from minuet.core.state import COUNTS, State, Status, Tries
from minuet.errors import UnreadableValue
from minuet.event.ids import action_id, attempt_id
from minuet.event.model import Event
from minuet.event.record import Record, UnreadableHeaders, parse
from minuet.inspection.history import History
from minuet.inspection.letters import Letter

RESUME, ANSWER, PUBLISH = "resume", "answer", "publish"


@dataclass(frozen=True, slots=True)
class Ready:
    """A letter that can be taken up again.

    Args:
        act: `resume` (its step runs again), `answer` (its value is given again), or `publish`
            (its record is appended as it was).
        view: of its saga; None for `publish`.
        deed, event: what is appended, and its content where it has one.
    """

    letter: Letter
    act: str
    view: View | None = None
    deed: Deed | None = None
    event: Event | None = None

    @property
    def id(self) -> str:
        """Of the event that is appended."""
        return self.deed.id if self.deed is not None else self.letter.event


@dataclass(frozen=True, slots=True)
class Left:
    """A letter for which nothing is appended.

    Args:
        why: in words that many letters can share.
        settled: nothing is to be done about it any more.
    """

    letter: Letter
    why: str
    settled: bool


def judge(
    plan: Plan, codec: Codec, letter: Letter, state: State | None, partition: int, now_ms: int
) -> Ready | Left:
    """Say what becomes of a letter.

    Args:
        plan: the compiled workflow.
        codec: of its events.
        letter: which.
        state: of its saga, of one's own; None when nothing is known of it.
        partition: of the log, that the saga stands in.
        now_ms: of the operator's clock, which decides nothing on the log.
    """
    if not letter.id:
        return Left(letter, "it is no dead letter of Minuet: somebody else wrote it", False)
    if letter.category == "import":
        why = "it never stood on this log: publish what it means, or read its source once more"
        return Left(letter, why, False)
    if letter.slot:
        if state is None:
            return Left(letter, "its saga is kept no longer", True)
        return _resume(View(plan, History(letter.saga, partition, [], [], state), now_ms), letter)
    try:
        record = _record(letter)
    except UnreadableHeaders as bad:
        return Left(letter, f"it is still no event: {_without_offset(bad)}", False)
    if letter.category == "poison":
        if state is None:
            return Left(letter, "its saga is kept no longer", True)
        history = History(letter.saga, partition, [record], [""], state)
        return _answer(codec, View(plan, history, now_ms), letter)
    return _publish(plan, codec, letter, record, state)


def _record(letter: Letter) -> Record:
    return parse(letter.key, letter.value, letter.original, 0, letter.at_ms)


def _without_offset(bad: UnreadableHeaders) -> str:
    return str(bad).replace("the record at offset 0", "the record")


def _resume(view: View, letter: Letter) -> Ready | Left:
    state, slot = view.state, letter.slot
    tries = state.tries.get(slot)
    if view.is_over:
        return Left(letter, "its saga is kept no longer", True)
    if tries is None or letter.attempt <= tries.since or not tries.parked:
        return Left(letter, _since_then(view, letter, tries), True)
    if letter.attempt < tries.attempt:
        return Left(letter, "the same step gave up again: a later letter is about that", True)
    if letter.attempt > tries.attempt:
        return Left(letter, "its worker is about to say that it gave up: look again", False)
    waits = any(pending.id == slot for pending in view.pending)
    bad = [entry.type for entry in state.entries() if entry.rejected]
    if not waits and bad:
        return Left(letter, f"its step cannot run again, since {bad[0]} cannot be read", False)
    gave_up = attempt_id(slot, "StepGaveUp", tries.attempt)
    about = f"{tries.step}, which gave up at attempt {tries.attempt}"
    deed = Deed("StepResumed", action_id("StepResumed", gave_up), about, step=tries.step, slot=slot)
    return Ready(letter, RESUME, view, deed)


def _since_then(view: View, letter: Letter, tries: Tries | None) -> str:
    state = view.state
    if tries is not None and tries.parked:
        return "the same step gave up again: a later letter is about that"
    if tries is not None and letter.slot not in state.answers:
        return "a person resumed its step, which is to run again"
    answer = state.ids.get(state.answers.get(letter.slot, ""))
    if answer is not None:
        return f"its step has been answered since: {answer.type}"
    if state.status.ended:
        return f"its saga has ended ({state.status.value})"
    return "its step waits for nobody any more"


def _answer(codec: Codec, view: View, letter: Letter) -> Ready | Left:
    found = next((e for e in view.state.entries() if e.id == letter.event), None)
    if found is None or not found.rejected:
        return Left(letter, "its saga has a readable value since, or needs none", True)
    entry = next((e for e in view.unreadable() if e.id == letter.event), None)
    if entry is None:
        return Left(letter, "nobody needs its value any more", True)
    if "killed the process" in letter.error:
        return Left(letter, "decoding it killed processes, and is not tried here", False)
    if "value" in letter.left_out:
        return Left(letter, "it was too large for its topic: its value stands on the log", False)
    try:
        event = codec.decode(letter.type, letter.schema, letter.value)
    except UnreadableValue as bad:
        return Left(letter, f"it still cannot be read: {bad}", False)
    return Ready(letter, ANSWER, view, replacing(view, entry), event)


def _publish(
    plan: Plan, codec: Codec, letter: Letter, record: Record, state: State | None
) -> Ready | Left:
    begins = record.type == plan.spec.begins
    if not begins and (state is None or state.status is Status.EARLY):
        return Left(letter, "no saga of its key has begun", False)
    if "value" in letter.left_out:
        return Left(letter, "it was too large for its topic: its value stands on the log", False)
    try:
        codec.decode(record.type, letter.schema, letter.value)
    except UnreadableValue as bad:
        return Left(letter, f"it still cannot be read: {bad}", False)
    if state is not None:
        before = dict(state.counts)
        fold(plan, state, replace_offset(record, state.log_offset + 1, state.at))
        counted = [name for name in COUNTS if state.counts.get(name, 0) > before.get(name, 0)]
        if counted:
            known = counted[0] in ("duplicates", "conflicts")
            why = "its saga has it" if known else f"the log would count it among the {counted[0]}"
            return Left(letter, why, known)
    return Ready(replace(letter, event=record.id), PUBLISH)


def replace_offset(record: Record, offset: int, time: int) -> Record:
    """Return the record as it would stand at another place."""
    return Record(
        record.key, offset, time, record.id, record.type, record.slot, record.value, record.headers
    )
