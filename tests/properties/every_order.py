"""One saga, one service, two workers, and every order in which their events can come.

Beside what the core says and does, a node holds what is on its way: calls that have not reached
the service, answers that have not reached the worker, appends that have not reached the log. A
worker may lose an answer, or stop waiting for it, and die at any point, or sleep and be replaced:
then it goes on, at any time, with what it had read. The service does nothing more and answers the
same under a known key. All nodes are visited: nothing is left to chance.

Taken for granted, since an engine looks at its assignment before: one that was replaced does not
say that a slot was never started.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from minuet.core.decide import decide
from minuet.core.due import Doubt, Slot, doubt, due
from minuet.core.plan import Plan, compile_plan
from minuet.core.state import State
from minuet.core.table import Table
from minuet.event import ids
from minuet.spec.model import Spec, UndoSpec
from tests.properties.nodes import (
    KEY,
    Call,
    Node,
    Said,
    Stage,
    Worker,
    and_done,
    answer,
    append,
    busy,
    headed,
    in_order,
    reads,
    record,
    run_of,
    skipped,
    tried,
)  # fmt: skip
from tests.unit.core.story import step

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
                found = table.fold(record(offset, said))
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
            yield reads(node)
        if worker.position:
            yield from self._works(node, worker)
        for number, call in enumerate(node.calls):
            if node.sleeper is None or call.worker != node.sleeper.number:
                yield from self._comes(node, number)

    def _works(self, node: Node, worker: Worker) -> Iterator[Node]:
        """Let a worker do what is due, as far as it has read."""
        state = self.state(node.log[: worker.position])
        for say in decide(self.plan, state, NEVER):
            if say.id not in worker.said:
                said = Said(say.type, say.id, headed(undoes=say.undoes))
                yield append(busy(node, worker, said=say.id), said)
        for slot in due(self.plan, state, NEVER):
            if slot.id not in worker.busy and (then := self._acts(node, worker, slot)):
                yield then

    def _acts(self, node: Node, worker: Worker, slot: Slot) -> Node | None:
        if slot.in_doubt:
            match doubt(slot, owned_since=worker.since, started=slot.id in worker.started):
                case Doubt.SKIP:
                    return (
                        append(busy(node, worker, slot.id), skipped(slot))
                        if worker is node.worker
                        else None
                    )
                case Doubt.PARK:
                    return append(busy(node, worker, slot.id), tried(slot, "StepGaveUp"))
        node = busy(node, worker, slot.id, started=slot.id)
        if slot.step.name == self.odd:
            return replace(
                node, calls=(*node.calls, Call(worker.number, Stage.SERVICE, run_of(slot)))
            )
        said = slot.step.spec.says[0]
        node = replace(node, done=and_done(node.done, slot.id, said))
        return append(node, answer(run_of(slot), said))

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
                done = and_done(node.done, slot, said)
                yield replace(node, calls=in_order(*calls, told), done=done)
        elif call.stage is Stage.LOG:
            yield append(replace(node, calls=calls), run)
        elif call.worker:
            failing = self._known_to(node, call).failing
            late = failing or "late" in dict(run.headers)
            said_now = answer(run, run.type, late=late)
            told = replace(call, stage=Stage.LOG, answer=said_now)
            yield replace(node, calls=in_order(*calls, told))
        else:
            yield replace(node, calls=calls)  # nobody is there to hear it

    def _known_to(self, node: Node, call: Call) -> State:
        """The saga as the one who called knows it."""
        sleeper = node.sleeper
        worker = sleeper if sleeper and sleeper.number == call.worker else node.worker
        return self.state(node.log[: worker.position])

    # -- what may happen, or not -------------------------------------------------------------------

    def _may_happen(self, node: Node) -> Iterator[Node]:
        if node.sleeper is not None:
            if node.sleeper.position:
                yield from self._works(node, node.sleeper)
            for number, call in enumerate(node.calls):
                if call.worker == node.sleeper.number:
                    yield from self._comes(node, number)
        if node.cancels and not self.state(node.log).status.ended:
            cancel = Said("SagaCancelled", ids.action_id("SagaCancelled", KEY), headed(by="ada"))
            yield append(replace(node, cancels=False), cancel)
        if node.persons:
            for slot, incident in self.state(node.log).incidents.items():
                if incident.kind == "gave-up":
                    resumed = Said("StepResumed", "resumed", headed(slot=slot, by="ada"))
                    yield append(replace(node, persons=False), resumed)
        if node.faults:
            yield from self._goes_wrong(replace(node, faults=node.faults - 1))

    def _goes_wrong(self, node: Node) -> Iterator[Node]:
        number = node.worker.number + 1
        if node.sleeper is None:
            successor = Worker(number, len(node.log), len(node.log))
            yield replace(node, worker=successor, sleeper=node.worker)
        orphans = tuple(
            call if call.worker != node.worker.number else replace(call, worker=0)
            for call in node.calls
        )
        # What a dead worker had handed to its producer may have been lost, or is on its way.
        for left in {orphans, tuple(c for c in orphans if c.stage is not Stage.LOG)}:
            successor = Worker(number, len(node.log), len(node.log))
            yield replace(node, worker=successor, calls=in_order(*left))
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
        yield replace(node, calls=in_order(*calls, again))
        state = self._known_to(node, call)
        tries = state.tries.get(slot)
        attempt = tries.attempt + 1 if tries else 1
        for event_type in ("StepRetrying", "StepGaveUp"):
            identity = ids.attempt_id(slot, event_type, attempt)
            headers = headed(slot=slot, step=self.odd, attempt=str(attempt))
            told = Call(call.worker, Stage.LOG, Said(event_type, identity, headers))
            yield replace(node, calls=in_order(*calls, told))


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
