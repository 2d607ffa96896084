"""What steps and the coordinator of a version say in one saga, as records at a given time.

A record whose fields nobody knows (the only event that a step may say, which was not run) has no
value; whatever is made of such a value is not known either.
"""

from __future__ import annotations

from dataclasses import dataclass

from minuet.core.decide import Say
from minuet.core.due import Slot
from minuet.core.settle import Failure, Park, settle
from minuet.core.state import Entry, State
from minuet.engines.compose import Composer, Trouble
from minuet.engines.log import Append
from minuet.engines.verdict import Unbound
from minuet.errors import ContractError
from minuet.event.ids import answer_id
from minuet.event.model import Event
from minuet.event.record import CAUSES, DIGEST, SLOT, STEP, UNDOES, Headers, Record, base_headers
from minuet.event.record import parse as parsed
from minuet.rehearsal.trying import Steps, Unknown

_SOURCE = b"/minuet/rehearsal"
_JITTER = 0.5


@dataclass(frozen=True, slots=True)
class GivesUp:
    """A step whose attempts are used up."""

    failure: Failure
    attempt: int


Result = Event | GivesUp | Unbound


class Sayings:
    """The voice of one version in one saga.

    Args:
        steps: of the version.
        composer: of its records.
        instead: what runs a step that would be unknown: on simulated forms; None for nothing.

    Attributes:
        valueless: ids of events whose fields nobody knows.
        simulated: names of the steps that ran instead.
    """

    def __init__(self, steps: Steps, composer: Composer, instead: Steps | None = None) -> None:
        self.valueless: set[str] = set()
        self.simulated: set[str] = set()
        self._steps, self._composer, self._instead = steps, composer, instead
        self._tried: dict[tuple[str, int], Result | Unknown] = {}

    def runs(self, step: str) -> bool:
        """Whether a step is run, and its recorded answers are not asked for."""
        return self._steps.runs(step)

    def reads(self, entry: Entry) -> bool:
        """Whether an event's value can be read."""
        return self._steps.reads(entry)

    def tried(self, slot: Slot, state: State) -> Result | Unknown:
        """Run a slot until it answers or gives up; once, however often it is asked for."""
        known = self._tried.get((slot.id, slot.since))
        if known is None:
            known = self._tried[slot.id, slot.since] = self._run(slot, state)
        return known

    def _run(self, slot: Slot, state: State) -> Result | Unknown:
        name = slot.step.name
        nobody_knows = [cause.type for cause in slot.causes if cause.id in self.valueless]
        if nobody_knows:
            return Unknown(f"it is not known what {nobody_knows[0]} holds")
        steps = self._steps
        if not steps.runs(name):
            if self._instead is None:
                return Unknown("it has resources, and never ran on these inputs")
            steps = self._instead
            self.simulated.add(name)
        tries = 0
        while True:
            tries += 1
            found = steps.run(slot, state.saga_id, slot.attempt + tries, state.trace)
            if isinstance(found, Event):
                found = self._fitting(slot, state, found)
            if not isinstance(found, Failure):
                return found
            settled = settle(slot, found, tries, _JITTER)
            if isinstance(settled, Park):
                return GivesUp(found, settled.attempt)

    def _fitting(self, slot: Slot, state: State, event: Event) -> Event | Failure:
        try:
            self._composer.answer(slot, state, event, 0)
        except ContractError as bad:
            return Failure("bug", str(bad))
        return event

    def result(self, slot: Slot, state: State, result: Result, now: int) -> Record:
        """What a run came to, as a record."""
        if isinstance(result, Event):
            return _record(self._composer.answer(slot, state, result, 0), now)
        if isinstance(result, Unbound):
            made = self._composer.rejected(result.entry, result.reason, state, 0)
            return _record(made, now)
        failure, name = result.failure, slot.step.name
        trouble = Trouble(failure.category, failure.error, name, slot.id, result.attempt)
        return _record(self._composer.gave_up(slot, state, 0, trouble), now)

    def skipped(self, slot: Slot, state: State, now: int) -> Record:
        """A slot in doubt that nobody started."""
        return _record(self._composer.skipped(slot, state, 0), now)

    def assumed(self, slot: Slot, state: State, now: int) -> Record:
        """The only event that a step may say, with fields that nobody knows."""
        (name,) = slot.step.spec.says
        causes = ",".join(cause.id for cause in slot.causes)
        more: Headers = [
            (SLOT, slot.id.encode()), (STEP, slot.step.name.encode()), (CAUSES, causes.encode()),
        ]  # fmt: skip
        if slot.undoes:
            more.append((UNDOES, slot.undoes.encode()))
        return self._valueless(answer_id(slot.id, name), name, state, more, now)

    def said(self, say: Say, state: State, now: int) -> Record:
        """What the coordinator says.

        Raises:
            ContractError: it can never be made.
        """
        try:
            return _record(self._composer.said(say, state, 0), now)
        except ContractError as bad:
            of = say.of
            if of is None:
                raise
            if of.id not in self.valueless:
                return _record(self._composer.rejected(of, str(bad), state, 0), now)
            more: Headers = [(CAUSES, of.id.encode())]
            if say.undoes:
                more.append((UNDOES, say.undoes.encode()))
            return self._valueless(say.id, say.type, state, more, now)

    def _valueless(self, identity: str, name: str, state: State, more: Headers, now: int) -> Record:
        self.valueless.add(identity)
        headers = [*base_headers(identity, name, _SOURCE, now), (DIGEST, b"unknown"), *more]
        return parsed(state.saga_id.encode(), b"", headers, 0, now)


def _record(append: Append, now: int) -> Record:
    return parsed(append.key, append.value, append.headers, 0, now)
