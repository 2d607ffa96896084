"""One saga, one service, two workers, and every order in which their events can come.

Beside what the core says and does, a node holds what is on its way: calls that have not reached
the service, answers that have not reached the worker, appends that have not reached the log. A
worker may lose an answer, or stop waiting for it, and die at any point; the service does nothing
more and answers the same under a known key. All nodes are visited: nothing is left to chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum

from minuet.core.decide import decide
from minuet.core.due import Doubt, Slot, doubt, due
from minuet.core.plan import Plan, compile_plan
from minuet.core.state import State
from minuet.core.table import Table
from minuet.event import ids
from minuet.event.record import DIGEST, Record
from minuet.spec.model import Spec, UndoSpec
from tests.unit.core.story import BEGAN_MS, step

KEY = "saga"
NEVER = 1 << 60
SAYS = {"hold": ("Held", "Full"), "ship": ("Shipped", "Refused")}

SPEC = Spec(
    name="small", key="key", begins="Asked", pivot="Shipped", completes="Shipped",
    fails=("Full", "Refused"),
    undo=(UndoSpec("Held", "Release", "Released"),),
    steps=(
        step("hold", "Asked", "Held | Full"),
        step("ship", "Held", "Shipped | Refused"),
        step("release", "Release", "Released"),
    ),
    version="v1",
)  # fmt: skip


class Stage(IntEnum):
    """Where a call, or its answer, is on its way to."""

    SERVICE = 0
    WORKER = 1
    LOG = 2


@dataclass(frozen=True)
class Said:
    """A record, less its place."""

    type: str
    id: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Call:
    """A run of the step that is looked at.

    `worker` is 0 once the one who called is gone; `over` once it no longer waits.
    """

    worker: int
    stage: Stage
    answer: Said | None = None
    over: bool = False


@dataclass(frozen=True)
class Worker:
    """The owner of the partition: the n-th, what it has read, and what it does."""

    number: int
    position: int
    since: int
    started: frozenset[str] = frozenset()
    busy: frozenset[str] = frozenset()
    said: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Node:
    """Where everything stands.

    Attributes:
        done: what the service did, or refused, by key.
        faults: so many more may happen.
        cancels, persons: whether somebody may still cancel, or resume.
    """

    log: tuple[Said, ...]
    worker: Worker
    faults: int
    calls: tuple[Call, ...] = ()
    done: tuple[tuple[str, str], ...] = ()
    cancels: bool = True
    persons: bool = True


@dataclass
class World:
    """All that can happen in a workflow of two steps, of which one has a service that is odd."""

    odd: str
    spec: Spec = SPEC
    plan: Plan = field(init=False)
    _states: dict[tuple[Said, ...], State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plan = compile_plan(self.spec)

    def first(self, faults: int) -> Node:
        """Where it begins: the saga was asked for, and a worker has just been assigned."""
        begin = Said("Asked", ids.begin_id("small", "Asked", KEY))
        return Node((begin,), Worker(1, 0, 0), faults)

    def state(self, log: tuple[Said, ...]) -> State:
        """The fold of a log; to be looked at only."""
        found = self._states.get(log)
        if found is None:
            table = Table(self.plan)
            for offset, said in enumerate(log):
                found = table.fold(_record(offset, said))
            assert found is not None
            self._states[log] = found
        return found

    def nodes(self, faults: int) -> Iterator[tuple[Node, bool]]:
        """Every node there is, each once, and whether nothing need happen there any more."""
        start = self.first(faults)
        seen, frontier = {start}, [start]
        while frontier:
            node = frontier.pop()
            must = list(self._goes_on(node))
            yield node, not must
            for then in (*must, *self._may_happen(node)):
                if then not in seen:
                    seen.add(then)
                    frontier.append(then)

    # -- what goes on by itself --------------------------------------------------------------------

    def _goes_on(self, node: Node) -> Iterator[Node]:
        worker = node.worker
        if worker.position < len(node.log):
            yield _reads(node)
        if worker.position:
            state = self.state(node.log[: worker.position])
            for say in decide(self.plan, state, NEVER):
                if say.id not in worker.said:
                    said = Said(say.type, say.id, _headers(undoes=say.undoes))
                    yield _append(_busy(node, said=say.id), said)
            for slot in due(self.plan, state, NEVER):
                if slot.id not in worker.busy:
                    yield self._acts(node, slot)
        for number in range(len(node.calls)):
            yield from self._comes(node, number)

    def _acts(self, node: Node, slot: Slot) -> Node:
        worker = node.worker
        if slot.in_doubt:
            match doubt(slot, owned_since=worker.since, started=slot.id in worker.started):
                case Doubt.SKIP:
                    return _append(_busy(node, slot.id), _skipped(slot))
                case Doubt.PARK:
                    return _append(_busy(node, slot.id), _tried(slot, "StepGaveUp"))
        node = _busy(node, slot.id, started=slot.id)
        if slot.step.name == self.odd:
            return replace(node, calls=(*node.calls, Call(worker.number, Stage.SERVICE, _of(slot))))
        said = slot.step.spec.says[0]
        node = replace(node, done=_with(node.done, slot.id, said))
        return _append(node, _answer(_of(slot), said))

    def _comes(self, node: Node, number: int) -> Iterator[Node]:
        """Let a call, its answer, or the append of that come to where it goes."""
        call, calls = node.calls[number], node.calls[:number] + node.calls[number + 1 :]
        run = call.answer
        assert run is not None
        if call.stage is Stage.SERVICE:
            slot = dict(run.headers)["slot"]
            known = dict(node.done).get(slot)
            for said in (known,) if known else SAYS[self.odd]:
                told = replace(call, stage=Stage.WORKER, answer=replace(run, type=said))
                done = _with(node.done, slot, said)
                yield replace(node, calls=_sorted(*calls, told), done=done)
        elif call.stage is Stage.LOG:
            yield _append(replace(node, calls=calls), run)
        elif call.worker:
            failing = self.state(node.log[: node.worker.position]).failing
            late = failing or "late" in dict(run.headers)
            said_now = _answer(run, run.type, late=late)
            told = replace(call, stage=Stage.LOG, answer=said_now)
            yield replace(node, calls=_sorted(*calls, told))
        else:
            yield replace(node, calls=calls)  # nobody is there to hear it

    # -- what may happen, or not -------------------------------------------------------------------

    def _may_happen(self, node: Node) -> Iterator[Node]:
        if node.cancels and not self.state(node.log).status.ended:
            cancel = Said("SagaCancelled", ids.action_id("SagaCancelled", KEY), _headers(by="ada"))
            yield _append(replace(node, cancels=False), cancel)
        if node.persons:
            for slot, incident in self.state(node.log).incidents.items():
                if incident.kind == "gave-up":
                    resumed = Said("StepResumed", "resumed", _headers(slot=slot, by="ada"))
                    yield _append(replace(node, persons=False), resumed)
        if node.faults:
            yield from self._goes_wrong(replace(node, faults=node.faults - 1))

    def _goes_wrong(self, node: Node) -> Iterator[Node]:
        number = node.worker.number + 1
        orphans = tuple(replace(call, worker=0) for call in node.calls)
        # What a dead worker had handed to its producer may have been lost, or is on its way.
        for left in {orphans, tuple(c for c in orphans if c.stage is not Stage.LOG)}:
            successor = Worker(number, len(node.log), len(node.log))
            yield replace(node, worker=successor, calls=_sorted(*left))
        for at, call in enumerate(node.calls):
            if not call.worker or call.over or call.stage is Stage.LOG:
                continue
            rest = node.calls[:at] + node.calls[at + 1 :]
            if call.stage is Stage.WORKER:
                yield from self._failed(node, rest, call)  # the answer is dropped
            yield from self._failed(node, (*rest, replace(call, over=True)), call)  # a timeout

    def _failed(self, node: Node, calls: tuple[Call, ...], call: Call) -> Iterator[Node]:
        """A try has failed: again in the worker, a wait in the log, or the last one."""
        run = call.answer
        assert run is not None
        slot = dict(run.headers)["slot"]
        again = Call(call.worker, Stage.SERVICE, run)
        yield replace(node, calls=_sorted(*calls, again))
        state = self.state(node.log[: node.worker.position])
        tries = state.tries.get(slot)
        attempt = tries.attempt + 1 if tries else 1
        for event_type in ("StepRetrying", "StepGaveUp"):
            identity = ids.attempt_id(slot, event_type, attempt)
            headers = _headers(slot=slot, step=self.odd, attempt=str(attempt))
            told = Call(call.worker, Stage.LOG, Said(event_type, identity, headers))
            yield replace(node, calls=_sorted(*calls, told))


def wrongs(world: World, node: Node) -> list[str]:
    """What is silently wrong where nothing need happen any more."""
    state = world.state(node.log)
    if state.incidents:
        return []  # a person knows
    if not state.status.ended:
        return [f"it is {state.status}, and nobody knows why"]
    kept = Counter(said for _, said in node.done)
    completed = state.status.value == "completed"
    found = []
    if kept["Held"] - kept["Released"] != completed:
        found.append(f"{state.status}: Held {kept['Held']}, Released {kept['Released']}")
    if kept["Shipped"] != completed:
        found.append(f"{state.status}: Shipped {kept['Shipped']}")
    return found


def _record(offset: int, said: Said) -> Record:
    headers = {f"ce_{name}": text.encode() for name, text in said.headers}
    headers[DIGEST] = ids.body_digest(said.type.encode()).encode()
    slot = dict(said.headers).get("slot", "")
    value = said.type.encode()
    return Record(KEY, offset, BEGAN_MS + offset, said.id, said.type, slot, value, headers)


def _headers(**texts: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in texts.items() if text)


def _of(slot: Slot) -> Said:
    """A run of a slot: an answer that has no type yet."""
    causes = ",".join(cause.id for cause in slot.causes)
    late = "1" if slot.in_doubt else ""
    named = {"slot": slot.id, "step": slot.step.name, "causes": causes, "undoes": slot.undoes}
    return Said("", "", _headers(**named, late=late))


def _answer(run: Said, said: str, *, late: bool = False) -> Said:
    headers = dict(run.headers) | ({"late": "1"} if late else {})
    return Said(said, ids.answer_id(headers["slot"], said), _headers(**headers))


def _skipped(slot: Slot) -> Said:
    headers = _headers(slot=slot.id, step=slot.step.name)
    return Said("StepSkipped", ids.answer_id(slot.id, "StepSkipped"), headers)


def _tried(slot: Slot, event_type: str) -> Said:
    attempt = slot.attempt + 1
    headers = _headers(slot=slot.id, step=slot.step.name, attempt=str(attempt))
    return Said(event_type, ids.attempt_id(slot.id, event_type, attempt), headers)


def _append(node: Node, said: Said) -> Node:
    return replace(node, log=(*node.log, said))


def _reads(node: Node) -> Node:
    worker = node.worker
    slot = dict(node.log[worker.position].headers).get("slot", "")
    freed = replace(worker, position=worker.position + 1, busy=worker.busy - {slot})
    return replace(node, worker=freed)


def _busy(node: Node, slot: str = "", *, started: str = "", said: str = "") -> Node:
    worker = node.worker
    worker = replace(
        worker,
        busy=worker.busy | ({slot} - {""}),
        started=worker.started | ({started} - {""}),
        said=worker.said | ({said} - {""}),
    )
    return replace(node, worker=worker)


def _with(done: tuple[tuple[str, str], ...], slot: str, said: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({**dict(done), slot: dict(done).get(slot, said)}.items()))


def _sorted(*calls: Call) -> tuple[Call, ...]:
    return tuple(sorted(calls, key=repr))
