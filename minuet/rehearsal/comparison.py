"""What would have been different in a saga: its recorded history beside its rehearsal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from minuet.contracts.codec import Codec
from minuet.core.plan import Plan, compile_plan
from minuet.engines.compose import Composer
from minuet.errors import UnreadableValue
from minuet.event.platform import PLATFORM_EVENTS
from minuet.event.record import SCHEMA, Record
from minuet.rehearsal.contents import Contents
from minuet.rehearsal.course import Course
from minuet.rehearsal.recording import Recording, outcome
from minuet.rehearsal.sayings import Sayings
from minuet.rehearsal.trying import Steps
from minuet.spec.assemble import Workflow
from minuet.spec.model import Spec

KINDS = ("outcome", "events", "fields", "time")  # a saga has the first of these that is true of it
_TOLD = ("StepGaveUp", "RecordRejected", "StepSkipped")


@dataclass(frozen=True, slots=True)
class Change:
    """A field of an event that would hold something else; in JSON's forms."""

    event: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Compared:
    """One saga.

    Args:
        before, after: how it ended, and would have ended; see `recording.outcome`. `unknown`
            after, where a step that may say several things has resources and other inputs.
        gone, new: types of events that would not have been said, and of those said beside.
        changes: fields that would hold something else.
        took_before_ms, took_after_ms: from its first to its last event.
        unknown: step -> why it is not known what it would have said.
        simulated: steps with resources that ran on simulated ones, for else they are unknown.
    """

    saga: str
    before: str
    after: str
    gone: tuple[str, ...]
    new: tuple[str, ...]
    changes: tuple[Change, ...]
    took_before_ms: int
    took_after_ms: int
    unknown: dict[str, str]
    simulated: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The gravest difference, one of `KINDS`; empty where it would have been the same.

        An outcome that is unknown is no difference: nobody can say that it is one.
        """
        if self.before != self.after and self.after != "unknown":
            return "outcome"
        if self.gone or self.new:
            return "events"
        if self.changes:
            return "fields"
        return "time" if self.took_before_ms != self.took_after_ms else ""

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "kind": self.kind}


class Rehearsal:
    """Recorded sagas under a version of their workflow.

    Args:
        recorded: the version that they are folded by.
        candidate: the version they are rehearsed under.
        codec: of the candidate's events; its registry knows the schemas of what was recorded.
        simulated: steps with resources run on their simulated forms: `all` of them, or, with
            `unknown`, where else nobody knows what they would say; empty for neither.

    Raises:
        UsageError: simulated forms are asked for, and a resource has none.
    """

    def __init__(
        self, recorded: Spec, candidate: Workflow, codec: Codec, simulated: str = ""
    ) -> None:
        self.plan: Plan = compile_plan(recorded)
        # Every saga begins under the candidate: what else it would finish by is no question here.
        alone = replace(candidate.spec, before=(), migrations=())
        self.candidate: Plan = compile_plan(alone)
        outside = [name for name, step in candidate.steps.items() if step.resources]
        self._steps = Steps(candidate, codec, outside if simulated == "all" else ())
        self._instead = Steps(candidate, codec, outside) if simulated == "unknown" else None
        self._codec, self._contents = codec, Contents(codec)
        self._composer = Composer(candidate.spec, codec, lambda: 0)

    def compare(self, records: Sequence[Record]) -> Compared | None:
        """Rehearse a saga; None for one whose begin event is not among its records."""
        recording = Recording(self.plan, records, self._contents)
        if not recording.began:
            return None
        sayings = Sayings(self._steps, self._composer, self._instead)
        same = recording.plan.spec.version == self.candidate.spec.version
        course = Course(recording, self.candidate, sayings, same=same)
        course.go()
        return self._compared(recording, course, sayings)

    def close(self) -> None:
        """Let go of what the steps ran in."""
        self._steps.close()
        if self._instead is not None:
            self._instead.close()

    def _compared(self, recording: Recording, course: Course, sayings: Sayings) -> Compared:
        after = outcome(self.candidate, course.state)
        if course.blocked and not course.state.status.ended:
            after = "unknown"
        gone, new, pairs = _paired(course.dropped, course.added)
        changes = tuple(
            change for pair in pairs for change in self._changes(*pair, sayings.valueless)
        )
        began = recording.records[0].time
        state = course.state
        return Compared(
            state.saga_id, recording.outcome, after, gone, new, changes,
            recording.state.at - began, state.at - began, dict(course.unknown),
            tuple(sorted(sayings.simulated)),
        )  # fmt: skip

    def _changes(self, before: Record, after: Record, valueless: set[str]) -> Iterator[Change]:
        if after.id in valueless or before.digest == after.digest:
            return
        old, new = self._fields(before), self._fields(after)
        for name in dict.fromkeys((*old, *new)):
            if old.get(name) != new.get(name):
                yield Change(after.type, name, old.get(name), new.get(name))

    def _fields(self, record: Record) -> dict[str, Any]:
        try:
            event = self._codec.decode(record.type, record.headers.get(SCHEMA, b""), record.value)
        except UnreadableValue as bad:
            return {"": f"cannot be read: {bad}"}
        return event.model_dump(mode="json")


def _paired(
    dropped: Sequence[Record], added: Sequence[Record]
) -> tuple[tuple[str, ...], tuple[str, ...], list[tuple[Record, Record]]]:
    """What was said before and not again, the other way round, and what was both."""
    rest = list(added)
    gone, pairs = [], []
    for record in dropped:
        twin = next((one for one in rest if one.type == record.type), None)
        if twin is None:
            gone.append(record.type)
        else:
            rest.remove(twin)
            pairs.append((record, twin))
    return _told(gone), _told(record.type for record in rest), pairs


def _told(types: Iterable[str]) -> tuple[str, ...]:
    """Those types that people ask for: an end is told by the outcome, a wait by the time."""
    return tuple(name for name in types if name not in PLATFORM_EVENTS or name in _TOLD)
