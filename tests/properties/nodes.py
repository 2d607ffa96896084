"""Where everything stands in a small world: on the log, in each head, and on its way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from minuet.core.due import Slot
from minuet.event import ids
from minuet.event.record import DIGEST, Record
from tests.unit.core.story import BEGAN_MS

KEY = "saga"


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
        sleeper: a worker that was replaced and does not know; it has read no further since.
        cancels, persons: whether somebody may still cancel, or resume.
    """

    log: tuple[Said, ...]
    worker: Worker
    faults: int
    calls: tuple[Call, ...] = ()
    done: tuple[tuple[str, str], ...] = ()
    sleeper: Worker | None = None
    cancels: bool = True
    persons: bool = True


def record(offset: int, said: Said) -> Record:
    headers = {f"ce_{name}": text.encode() for name, text in said.headers}
    headers[DIGEST] = ids.body_digest(said.type.encode()).encode()
    slot = dict(said.headers).get("slot", "")
    value = said.type.encode()
    return Record(KEY, offset, BEGAN_MS + offset, said.id, said.type, slot, value, headers)


def headed(**texts: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in texts.items() if text)


def run_of(slot: Slot) -> Said:
    """A run of a slot: an answer that has no type yet."""
    causes = ",".join(cause.id for cause in slot.causes)
    late = "1" if slot.in_doubt else ""
    named = {"slot": slot.id, "step": slot.step.name, "causes": causes, "undoes": slot.undoes}
    return Said("", "", headed(**named, late=late))


def answer(run: Said, said: str, *, late: bool = False) -> Said:
    headers = dict(run.headers) | ({"late": "1"} if late else {})
    return Said(said, ids.answer_id(headers["slot"], said), headed(**headers))


def skipped(slot: Slot) -> Said:
    headers = headed(slot=slot.id, step=slot.step.name)
    return Said("StepSkipped", ids.answer_id(slot.id, "StepSkipped"), headers)


def tried(slot: Slot, event_type: str) -> Said:
    attempt = slot.attempt + 1
    headers = headed(slot=slot.id, step=slot.step.name, attempt=str(attempt))
    return Said(event_type, ids.attempt_id(slot.id, event_type, attempt), headers)


def append(node: Node, said: Said) -> Node:
    return replace(node, log=(*node.log, said))


def reads(node: Node) -> Node:
    worker = node.worker
    slot = dict(node.log[worker.position].headers).get("slot", "")
    freed = replace(worker, position=worker.position + 1, busy=worker.busy - {slot})
    return replace(node, worker=freed)


def busy(node: Node, worker: Worker, slot: str = "", *, started: str = "", said: str = "") -> Node:
    busy = replace(
        worker,
        busy=worker.busy | ({slot} - {""}),
        started=worker.started | ({started} - {""}),
        said=worker.said | ({said} - {""}),
    )
    if worker is node.worker:
        return replace(node, worker=busy)
    return replace(node, sleeper=busy)


def and_done(
    done: tuple[tuple[str, str], ...], slot: str, said: str
) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({**dict(done), slot: dict(done).get(slot, said)}.items()))


def in_order(*calls: Call) -> tuple[Call, ...]:
    return tuple(sorted(calls, key=repr))
