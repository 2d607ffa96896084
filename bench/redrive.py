"""Many dead letters redriven: `python -m bench.redrive`, figures as JSON.

What a worker leaves behind when a service was down for long is written straight to the topics: for
each saga its begin event, a `StepGaveUp`, a letter and a row, and the group's position. Then
the commands are run as people run them: a dry run; a redrive of a third; one that is killed after
another sixth; two at once for the rest. An auditor that shares nothing with it counts the log.

The broker is the bench's own, in .minuet/bench, deleted afterwards.

Example: python -m bench.redrive --letters 100000
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minuet.bench.place import Place, own_broker
from minuet.bench.reference import saga as reference
from minuet.contracts.codec import Codec
from minuet.core.due import pending
from minuet.core.fold import fold
from minuet.core.plan import compile_plan
from minuet.core.row import pack
from minuet.core.state import State
from minuet.engines.compose import Composer, Trouble
from minuet.engines.log import Append, Unreadable
from minuet.event.record import LETTER, OPERATION, parse
from minuet.kafka import topics
from minuet.kafka.offsets import commit, watermarks
from minuet.kafka.partitioner import partition_of
from minuet.kafka.reading import record_of, snapshot
from minuet.kafka.registry import TopicRegistry
from minuet.kafka.writer import Writer
from minuet.publish.envelope import Envelope
from minuet.spec.assemble import Workflow

PYPROJECT = """\
[tool.minuet.workflows.reference]
saga = "minuet.bench.reference.saga:reference"
steps = ["minuet.bench.reference.steps"]
"""
TROUBLE = "ConnectionError: the warehouse cannot be reached"


def left_behind(workflow: Workflow, codec: Codec, count: int) -> Iterator[Append]:
    """What is on the topics when so many sagas wait for a person."""
    spec = workflow.spec
    plan, now = compile_plan(spec), int(time.time() * 1000)
    begins = workflow.models[spec.begins]
    envelope = Envelope(spec.name, spec.key, [begins], codec)
    composer = Composer(spec, codec, lambda: now)
    ends: Counter[int] = Counter()
    for order in reference.orders(count):
        begin = envelope.seal(order, now)
        part = partition_of(begin.key, spec.partitions)
        at = ends[part]
        headers = [(name, _raw(raw)) for name, raw in begin.headers]
        state = State(begin.key.decode())
        fold(plan, state, parse(begin.key, begin.value, headers, at, now))
        (slot,) = pending(plan, state)
        trouble = Trouble("retry", TROUBLE, slot.step.name, slot.id, 6)
        gave_up = composer.gave_up(slot, state, part, trouble)
        fold(plan, state, parse(gave_up.key, gave_up.value, gave_up.headers, at + 1, now))
        ends[part] = at + 2
        yield Append(spec.log_topic, part, begin.key, begin.value, headers)
        yield composer.letter(Unreadable(at, now, begin.key, begin.value, headers, ""), part,
                              trouble)  # fmt: skip
        yield gave_up
        yield composer.row(part, state.saga_id, pack(plan, state))


def _raw(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


def fill(place: Place, workflow: Workflow, count: int) -> None:
    """Write it, and the position of the group."""
    spec = workflow.spec
    topics.apply(place.connection, topics.plan(spec))
    codec = Codec(
        workflow.models.values(), TopicRegistry(place.connection, workflow.spec.schema_topic)
    )
    writers: dict[str, Writer] = {}
    for each in left_behind(workflow, codec, count):
        if each.topic not in writers:
            writers[each.topic] = Writer(place.connection, each.topic, **{"linger.ms": 20})
        writer = writers[each.topic]
        while True:
            try:
                writer.append(each.key, each.value or b"", [*each.headers], lambda _: None,
                              partition=each.partition)  # fmt: skip
            except BufferError:
                writer.serve(0.1)
            else:
                break
    for writer in writers.values():
        writer.flush()
    ends = {number: high for number, (_, high) in watermarks(place.connection,
                                                             spec.log_topic).items()}  # fmt: skip
    commit(place.connection, spec.name, spec.log_topic, ends)


class Commands:
    """The command line, in a folder of its own."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        (folder / "pyproject.toml").write_text(PYPROJECT)
        self._folder, self._bootstrap = folder, bootstrap

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        """Start a redrive."""
        command = [sys.executable, "-m", "minuet", "dead-letters", "redrive", "reference", "--json"]
        return subprocess.Popen(
            [*command, *more, "--bootstrap", self._bootstrap], cwd=self._folder,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())}, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *more: str) -> tuple[dict[str, Any], dict[str, float]]:
        """Run one to its end: what it printed, and its seconds on the wall and on the CPU."""
        began, cpu = time.monotonic(), _cpu_s()
        out, _ = self.start(*more).communicate()
        seconds = {"s": time.monotonic() - began, "cpu_s": _cpu_s() - cpu}
        return json.loads(out), seconds


def appended(place: Place, topic: str) -> int:
    """How many records the log has."""
    return sum(high for _, high in watermarks(place.connection, topic).values())


def audited(place: Place, topic: str, count: int) -> dict[str, Any]:
    """What stands on the log: the first of each id is the one that counts."""
    firsts: dict[str, tuple[str, str, str]] = {}
    doubled = 0
    for message in snapshot(place.connection, topic):
        record = record_of(message)
        if record.type == "StepResumed":
            doubled += record.id in firsts
            what = record.slot, record.text(LETTER), record.text(OPERATION)
            firsts.setdefault(record.id, what)
    slots, letters = {s for s, _, _ in firsts.values()}, {x for _, x, _ in firsts.values()}
    return {
        "letters_redriven": len(letters), "slots": len(slots), "ids": len(firsts),
        "written_twice_without_effect": doubled,
        "each_once": len(letters) == len(slots) == len(firsts) == count,
        "by_operation": Counter(operation for _, _, operation in firsts.values()),
    }  # fmt: skip


def measured(place: Place, folder: Path, count: int) -> dict[str, Any]:
    """Fill, redrive, audit."""
    workflow = reference.workflow()
    topic, began = workflow.spec.log_topic, time.monotonic()
    fill(place, workflow, count)
    found: dict[str, Any] = {"filled_s": round(time.monotonic() - began, 1)}
    commands = Commands(folder, place.connection.bootstrap)
    dry, seconds = commands.run("--dry-run")
    found["dry_run"] = {"would": dry["would"], **rate(count, seconds)}
    acting = ("--yes", "--why", "a bench")
    whole, seconds = commands.run(*acting, "--limit", str(count // 3))
    found["alone"] = {"effective": whole["effective"], **rate(count // 3, seconds)}
    killed, before = commands.start(*acting), appended(place, topic)
    while appended(place, topic) < before + count // 6:
        time.sleep(0.05)
    killed.kill()
    killed.communicate()
    found["killed_after"] = appended(place, topic) - before
    began = time.monotonic()
    two = [commands.start(*acting, "--by", name) for name in ("ada", "bob")]
    said = [json.loads(each.communicate()[0]) for each in two]
    found["two_at_once"] = {
        "s": round(time.monotonic() - began, 1),
        "told": [{name: one[name] for name in ("appended", "effective", "earlier")}
                 for one in said],
    }  # fmt: skip
    audit = audited(place, topic, count)
    operations = audit.pop("by_operation")
    told = {one["operation"]: one["effective"] for one in (whole, *said)}
    audit["told_as_on_the_log"] = all(operations[key] == n for key, n in told.items())
    return {**found, "audit": audit}


def rate(count: int, seconds: dict[str, float]) -> dict[str, float]:
    """Letters a second of a whole command, its start with it: on the wall, and of one core."""
    return {
        "s": round(seconds["s"], 1),
        "letters_per_s": round(count / seconds["s"]),
        "cpu_s": round(seconds["cpu_s"], 1),
        "letters_per_cpu_s": round(count / seconds["cpu_s"]),
    }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run it and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=100_000)
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    with own_broker(Path.cwd()) as place, tempfile.TemporaryDirectory() as folder:
        found = measured(place, Path(folder), asked.letters)
    loads = {"load_before": load, "load_after": os.getloadavg()[0]}
    text = json.dumps({"letters": asked.letters, **loads, **found}, indent=2)
    sys.stdout.write(text + "\n")
    sys.exit(not (found["audit"]["each_once"] and found["audit"]["told_as_on_the_log"]))


if __name__ == "__main__":
    main()
