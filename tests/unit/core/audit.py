"""What must hold of a saga's log, told in another way than the core's, from the log alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from minuet.core.due import Slot, due
from minuet.core.plan import compile_plan
from minuet.core.row import pack
from minuet.core.state import State
from minuet.core.table import Table
from minuet.event.platform import PLATFORM_EVENTS
from minuet.event.record import BY, CAUSES, LATE, REJECTS, STEP, UNDOES, Record
from minuet.spec.model import Spec
from tests.unit.core.world import KEY, World

ENDS = ("SagaCompleted", "SagaCompensated")


@dataclass
class Verdict:
    """What was effective, what came second, what was undone."""

    effective: dict[str, Record] = field(default_factory=dict)
    strays: list[Record] = field(default_factory=list)
    answered: dict[str, Record] = field(default_factory=dict)
    requests: dict[str, Record] = field(default_factory=dict)
    undone: dict[str, list[Record]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    failed: Record | None = None
    end: Record | None = None


def folded(spec: Spec, log: Iterable[Record]) -> State:
    """The fold of a log."""
    table = Table(compile_plan(spec))
    for record in log:
        table.fold(record)
    state = table.get(KEY)
    assert state is not None
    return state


def judge(spec: Spec, log: list[Record]) -> Verdict:
    """Go through the log once; what has been seen before does not count."""
    verdict = Verdict()
    seen: set[str] = set()
    for record in log:
        if record.id not in seen:
            seen.add(record.id)
            _judge(spec, verdict, record)
    return verdict


def _judge(spec: Spec, verdict: Verdict, record: Record) -> None:
    undoes = record.text(UNDOES)
    if record.type in {undo.request for undo in spec.undo}:
        verdict.requests[undoes] = record
        verdict.ids.add(record.id)
    elif record.type in {undo.undone for undo in spec.undo}:
        if not record.headers.get(BY):
            verdict.undone.setdefault(undoes, []).append(record)
            verdict.answered.setdefault(undoes, record)  # where a slot was undone unseen
            verdict.ids.add(record.id)
    elif record.type == "StepSkipped":
        if undoes:
            verdict.undone.setdefault(undoes, []).append(record)
        elif verdict.failed:
            verdict.answered.setdefault(record.slot, record)
    elif record.type in ENDS:
        verdict.end = verdict.end or record
        verdict.ids.add(record.id)
    elif record.type not in PLATFORM_EVENTS or record.type == "SagaCancelled":
        _outcome(spec, verdict, record)


def _outcome(spec: Spec, verdict: Verdict, record: Record) -> None:
    known = record.slot in verdict.answered or record.type in verdict.effective
    if record.headers.get(BY) and record.type != "SagaCancelled" and known:
        return  # a readable value for what was judged before
    unless = {deadline.type: deadline.unless for deadline in spec.deadlines}
    causes = [cause for cause in record.text(CAUSES).split(",") if cause]
    second = record.slot in verdict.answered if record.slot else False
    if second or record.type in verdict.effective or not verdict.ids.issuperset(causes):
        verdict.strays.append(record)
        return
    idle = verdict.failed or verdict.end
    if record.type in unless and (idle or unless[record.type] in verdict.effective):
        return
    if record.type == "SagaCancelled" and idle:
        return
    verdict.effective[record.type] = record
    verdict.ids.add(record.id)
    if record.slot:
        verdict.answered[record.slot] = record
    certain = {spec.pivot, spec.completes} & set(verdict.effective)
    if record.type in (*spec.fails, "SagaCancelled") and not idle and not certain:
        verdict.failed = record


def check(world: World) -> Verdict:
    """Check a world whose saga has ended and is at rest."""
    spec = world.spec
    verdict = judge(spec, world.log)
    state = world.current.state
    assert verdict.end is not None, "the saga ends"
    assert state.status == ("compensated" if verdict.failed else "completed")
    assert verdict.end.type == ("SagaCompensated" if verdict.failed else "SagaCompleted")
    _check_answers(world, verdict)
    _check_undos(spec, verdict)
    _check_effects(world, verdict)
    assert not state.incidents
    assert not state.seen, "nothing is left to do"
    return verdict


def _check_answers(world: World, verdict: Verdict) -> None:
    """The first record of each slot is its answer, as the fold sees it just before the end."""
    assert verdict.end is not None
    end = verdict.end.offset
    before = folded(world.spec, world.log[:end])
    for slot, record in verdict.answered.items():
        if record.offset < end and slot in before.answers:
            assert before.answers[slot] == record.id, "first wins"
    strays = [r for r in verdict.strays if r.type != "SagaCancelled" and r.offset < end]
    if all(record.type != "RecordRejected" for record in world.log):
        assert before.counts.get("strays", 0) == len(strays), "what came second is a stray"


def _check_undos(spec: Spec, verdict: Verdict) -> None:
    undoable = {undo.outcome for undo in spec.undo}
    for record in verdict.effective.values():
        if record.type in undoable:
            undone = verdict.undone.get(record.id, [])
            assert len(undone) == (1 if verdict.failed else 0), f"{record.type} undone {undone}"
    for record in verdict.strays:
        if record.type in undoable:
            assert len(verdict.undone.get(record.id, [])) == 1, f"stray {record.type} undone"


def _check_effects(world: World, verdict: Verdict) -> None:
    """What a handler did is learned before the end, or undone unseen."""
    assert verdict.end is not None
    answers = {
        record.slot
        for record in world.log
        if record.headers.get(STEP) and record.type not in PLATFORM_EVENTS
    }
    rejected = {world.log[r.number(REJECTS)].id for r in world.log if r.headers.get(REJECTS)}
    for slot in world.effects.values():
        skipped = any(r.headers.get(BY) for r in verdict.undone.get(slot.undoes, ()))
        known = slot.id in answers or slot.id in verdict.undone or skipped
        counts = all(cause.id in verdict.ids for cause in slot.causes)
        is_forward = slot.step.name[0] == "s"
        if not is_forward and rejected & {cause.id for cause in slot.causes}:
            continue  # nobody can run it again; a person cancelled the saga or skipped its undo
        assert known or not counts, f"the effect of {slot.step.name} is lost"
        follows_late = any(LATE in r.headers for r in causes_of(verdict, slot))
        if counts and slot.id in verdict.answered and not slot.undoes and not follows_late:
            before = verdict.answered[slot.id].offset < verdict.end.offset
            assert before or slot.step.name.startswith(("file", "close")), "the end waits for all"


def causes_of(verdict: Verdict, slot: Slot) -> list[Record]:
    """The effective records that a run was started on."""
    causes = {cause.id for cause in slot.causes}
    return [record for record in verdict.effective.values() if record.id in causes]


def check_rows(world: World) -> None:
    """A row and the rest of the log are the whole fold, at every cut."""
    plan = compile_plan(world.spec)
    prefix = Table(plan)
    whole = pack(plan, folded(world.spec, world.log))
    for record in world.log:
        hot = prefix.fold(record)
        ((_, row),) = prefix.pack([KEY])
        rest = Table(plan)
        rest.load(KEY, row)
        cold = rest.get(KEY)
        assert cold is not None
        assert due(plan, cold, world.time) == due(plan, hot, world.time), "due after a restore"
        for again in world.log[record.offset :]:
            rest.fold(again)
        assert rest.pack([KEY]) == [(KEY, whole)], "rows and the rest of the log"


def check_order(world: World, verdict: Verdict) -> None:
    """Undo goes backwards: each request is for the youngest outcome that is not undone yet."""
    undoable = {undo.outcome for undo in world.spec.undo}
    happened = {r.id: r.offset for r in verdict.effective.values() if r.type in undoable}
    for undoes, request in verdict.requests.items():
        left = {
            offset
            for event, offset in happened.items()
            if offset < request.offset
            and all(done.offset > request.offset for done in verdict.undone.get(event, ()))
        }
        if undoes in happened and not world.spec.parallel_undo:
            assert happened[undoes] == max(left), "undo goes backwards"
