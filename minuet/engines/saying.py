"""What a unit says, and in which order: answers and tries of handlers, requests, dead letters.

Nothing is said twice under two ids: an append that may have been written is repeated as it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Protocol

from minuet.core.decide import Say
from minuet.core.due import Doubt, doubt
from minuet.core.settle import Again, Failure, Park, Wait, settle
from minuet.core.state import Entry, State
from minuet.engines.compose import Composer, Trouble
from minuet.engines.letters import Letters
from minuet.engines.log import Append, Unreadable
from minuet.engines.partition import Partition, Run
from minuet.engines.unstarted import Unstarted
from minuet.engines.verdict import Ended, Unbound
from minuet.errors import ContractError
from minuet.event.ids import answer_id, attempt_id
from minuet.event.model import Event
from minuet.event.platform import StepRetrying
from minuet.event.record import ROUND

_LOG = logging.getLogger("minuet.worker")

_LEARNS = "in doubt: it may have taken effect, and is asked under the same key"


class Owner(Protocol):
    """What saying wants of the loop."""

    def append(self, part: Partition, append: Append) -> None:
        """Append for a partition."""

    def again(self, run: Run, delay_ms: int, error: str) -> None:
        """Run once more in this worker, a little later."""

    def go_on(self, append: Append, offset: int) -> None:
        """An answer was acked after which a step may go on inline."""

    def put_off(self, append: Append, offset: int) -> None:
        """That a slot waits was acked."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside everything else; a failure stops the worker."""

    async def is_member(self) -> bool:
        """Ask whether the group still has this member."""


class Saying:
    """Composes what is to be said and hands it to the loop.

    Args:
        owner: the loop.
        composer: makes the records.
        letters: writes the dead ones.
        clock: ms since 1970.
        jitter: returns a number from 0 to 1.
        inline: event types after whose ack the loop may go on.
    """

    def __init__(
        self,
        owner: Owner,
        composer: Composer,
        letters: Letters,
        clock: Callable[[], int],
        jitter: Callable[[], float],
        inline: frozenset[str],
    ) -> None:
        self._owner = owner
        self._composer = composer
        self._letters = letters
        self._clock = clock
        self._jitter = jitter
        self._goes_on = inline
        self._unstarted = Unstarted(owner, self._never_started)

    def decided(self, part: Partition, state: State, say: Say) -> None:
        """Say what the coordinator decided, unless it is on its way."""
        if say.id in part.saying:
            return
        try:
            append = self._composer.said(say, state, part.number)
        except ContractError as bad:
            _LOG.warning("a %s cannot be made", say.type, extra={"saga": state.saga_id})
            if say.of is not None:
                self._reject(part, state, say.of, str(bad))
            return
        part.saying.add(say.id)
        self._owner.append(part, append)

    def settled(self, run: Run, state: State) -> bool:
        """Settle a slot in doubt without running it, where that is possible."""
        slot, part = run.slot, run.part
        match doubt(slot, owned_since=part.high, started=slot.id in part.started):
            case Doubt.SKIP:
                self._unstarted.add(run)
            case Doubt.PARK:
                error = "in doubt: it may have taken effect, and cannot be undone"
                trouble = Trouble("in-doubt", error, slot.step.name, slot.id, slot.attempt + 1)
                self._for(run, self._composer.gave_up(slot, state, part.number, trouble))
            case Doubt.RUN if slot.attempt:
                return False
            case Doubt.RUN:
                self._tries_again(run, state)
        return True

    def _tries_again(self, run: Run, state: State) -> None:
        """Say that a slot in doubt is run once more, before it is.

        An owner of before may have said that nobody started it, and that may reach the log late:
        behind this event it has no effect, and ahead of it the slot is answered and not run.
        """
        slot = run.slot
        event = StepRetrying(
            step=slot.step.name, slot=slot.id, attempt=1, not_before=self._clock(), error=_LEARNS
        )  # fmt: skip
        self._for(run, self._composer.retrying(slot, state, run.part.number, event))

    def _never_started(self, run: Run) -> None:
        part, slot = run.part, run.slot
        state = part.table.get(run.key)
        if state is None or slot.id in state.answers:
            part.runs.pop(slot.id, None)
        else:
            self._for(run, self._composer.skipped(slot, state, part.number))

    def ended(self, run: Run, state: State, ended: Ended) -> None:
        """Say how a run ended."""
        answer = state.answers.get(run.slot.id)
        if run.refused and isinstance(ended, Failure):
            return  # the slot is parked; a person's resume asks again under the same key
        if answer is not None and _adds_nothing(run, ended, answer):
            run.part.runs.pop(run.slot.id, None)  # another try, a late one perhaps, was first
        elif isinstance(ended, Failure) and run.answered:
            return
        elif isinstance(ended, Event):
            self._answer(run, state, ended)
        elif isinstance(ended, Unbound):
            run.part.runs.pop(run.slot.id, None)
            self._reject(run.part, state, ended.entry, ended.reason)
        else:
            self._failed(run, state, ended)

    def late(self, run: Run, state: State, event: Event) -> None:
        """Say what came after the timeout; whether it is the answer or a stray, the log decides."""
        answer = state.answers.get(run.slot.id)
        if answer is not None and _adds_nothing(run, event, answer):
            return
        try:
            append = self._answered(run, state, event)
        except ContractError:
            about = {"saga": run.key, "step": run.slot.step.name, "slot": run.slot.id}
            _LOG.warning("what it answered late does not fit its schema", extra=about)
            return
        current = run.part.runs.setdefault(run.slot.id, run)  # it is not run again meanwhile
        self._for(run, append)
        run.answered = True
        if current is not run:  # a later try, which must not go on inline from its own answer
            current.answered, current.said = True, append.event_id

    def unreadable(self, part: Partition, record: Unreadable) -> None:
        """Make a dead letter of a record that belongs to no saga."""
        place = {"partition": part.number, "offset": record.offset}
        _LOG.warning("dead letter: %s", record.reason.partition(":")[0], extra=place)
        self._letters.unread(part, record, lambda *_: part.letters.discard(record.offset))

    def refused(self, run: Run, state: State, reason: str) -> None:
        """Park a slot whose answer Kafka will never take; for another one that is said again."""
        if run.slot.id in state.answers:
            return
        run = run.part.runs.get(run.slot.id, run)  # a later try perhaps, which waits for it
        run.refused, run.answered = True, False
        self._failed(run, state, Failure("reject", reason))

    def _answer(self, run: Run, state: State, event: Event) -> None:
        try:
            append = self._answered(run, state, event)
        except ContractError as bad:
            self._failed(run, state, Failure("bug", str(bad)))
            return
        if type(event).__name__ in self._goes_on and not run.answered:
            append.acked = self._owner.go_on
        self._for(run, append)
        run.answered = True

    def _answered(self, run: Run, state: State, event: Event) -> Append:
        slot = run.slot
        if run.running and state.failing:
            slot = replace(slot, in_doubt=True)  # said late
        append = self._composer.answer(slot, state, event, run.part.number)
        if run.round != state.round:  # of a saga that ended meanwhile, and was redone
            append.headers = [header for header in append.headers if header[0] != ROUND]
            if run.round:
                append.headers.append((ROUND, run.round.encode()))
        return append

    def _failed(self, run: Run, state: State, failure: Failure) -> None:
        slot = run.slot
        match settle(slot, failure, run.tries, self._jitter()):
            case Again(delay):
                self._owner.again(run, delay, failure.error)
            case Wait(_, delay):
                self.waits(run, state, delay, failure.error)
            case Park(attempt):
                name = slot.step.name
                trouble = Trouble(
                    failure.category, failure.error, name, slot.id, attempt, slot.since
                )  # fmt: skip
                self._park(run, state, trouble)

    def waits(self, run: Run, state: State, delay_ms: int, error: str) -> None:
        """Say that a slot which was tried waits."""
        slot = run.slot
        about = {"saga": run.key, "step": slot.step.name, "slot": slot.id}
        _LOG.info("waits after try %s", slot.attempt + run.tries, extra=about)
        event = StepRetrying(
            step=slot.step.name, slot=slot.id, attempt=slot.attempt + run.tries,
            not_before=self._clock() + delay_ms, error=error,
        )  # fmt: skip
        append = self._composer.retrying(slot, state, run.part.number, event)
        append.acked = self._owner.put_off
        self._for(run, append)

    def _park(self, run: Run, state: State, trouble: Trouble) -> None:
        """Write the dead letter first, then say that a person is needed (rule 8's order)."""
        part, slot = run.part, run.slot
        about = {"saga": run.key, "step": trouble.step, "slot": slot.id}
        _LOG.warning("gave up (%s), a person is needed", trouble.category, extra=about)
        cause = max(slot.causes, key=lambda entry: entry.offset)
        run.said = attempt_id(slot.id, "StepGaveUp", trouble.attempt)
        gave_up = self._composer.gave_up(slot, state, part.number, trouble)

        def event() -> Append | None:
            return None if run.answered else _noted(run, gave_up)

        self._letters.write(part, run.key, cause, trouble, event=event)

    def _reject(self, part: Partition, state: State, entry: Entry, reason: str) -> None:
        """Write the dead letter first, then say that the value cannot be read (rule 8)."""
        if entry.id in part.rejecting:
            return
        part.rejecting.add(entry.id)
        about = {"saga": state.saga_id, "partition": part.number, "offset": entry.offset}
        _LOG.warning("a %s cannot be read, a person is needed", entry.type, extra=about)
        trouble = Trouble("poison", reason)
        rejected = self._composer.rejected(entry, reason, state, part.number)
        self._letters.write(part, state.saga_id, entry, trouble, event=lambda: rejected)

    def _for(self, run: Run, append: Append) -> None:
        self._owner.append(run.part, _noted(run, append))


def _noted(run: Run, append: Append) -> Append:
    """An append that a run waits for until it is read back."""
    run.said = append.event_id
    append.note = run
    return append


def _adds_nothing(run: Run, ended: Ended, answer: str) -> bool:
    """Whether the end of a run is of no use to a slot that has this answer already."""
    if isinstance(ended, Event):
        return answer_id(run.slot.id, type(ended).__name__) == answer
    return isinstance(ended, Failure)
