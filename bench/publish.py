"""A large file published, broken off twice and gone on with: `python -m bench.publish`, as JSON.

Run from the project's folder. First the file is published in one go, onto a log that nobody reads:
the rate. Then, on a new broker and with a worker running, it is killed a third of the way, gone on
with, interrupted by Ctrl-C after another third, and gone on with to its end. Then the same file
with ten changed lines, with `--check` and without. Every saga must have begun once: else exit 1.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from bench.effects import VARIABLE
from minuet.bench.measures import load, loads
from minuet.bench.place import own_broker
from minuet.children import Children
from minuet.event.record import ID, TYPE
from minuet.kafka.connection import Connection
from minuet.kafka.following import follow
from minuet.kafka.offsets import watermarks

ROOT = Path(__file__).parents[1]
PROJECT = """\
[tool.minuet.workflows.orders]
saga = "bench.effects:orders"
steps = ["streams.orders"]
"""
TOPIC = "orders.events"
CHANGED = 10
LOOK_S = 0.005
STALLED_S = 120.0
_ENDS = (b"SagaCompleted", b"SagaCompensated")


def write(file: Path, orders: int, changed: int = 0) -> None:
    """Write the shipped orders, round and round, each with an id of its own; some with more."""
    lines = cycle((ROOT / "examples" / "orders.jsonl").read_text(encoding="utf-8").splitlines())
    with file.open("w", encoding="utf-8") as out:
        for number in range(orders):
            order = {**json.loads(next(lines)), "order_id": f"order-{number}"}
            if changed and number % (orders // changed) == 0:
                order["total"] = "1.00"
            out.write(json.dumps(order) + "\n")


@dataclass
class Log:
    """What stands on the log, read as it grows by a thread of its own.

    Attributes:
        begun: id of a begin event -> how often it stands there.
        ended: sagas; `heard`: when something came last.
    """

    connection: Connection
    begun: Counter[bytes] = field(default_factory=Counter)
    ended: set[bytes] = field(default_factory=set)
    heard: float = field(default_factory=time.monotonic)

    def follow(self) -> Log:
        """Begin to read."""
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def _read(self) -> None:
        start = {number: low for number, (low, _) in watermarks(self.connection, TOPIC).items()}
        for messages in follow(self.connection, TOPIC, start):
            for message in messages:
                self.heard = time.monotonic()
                headers: dict[str, Any] = dict(message.headers() or ())
                if headers[TYPE] == b"OrderPlaced":
                    self.begun[headers[ID]] += 1
                elif headers[TYPE] in _ENDS:
                    self.ended.add(message.key() or b"")

    def until(self, holds: Callable[[], bool], process: subprocess.Popen[bytes] | None) -> None:
        """Wait for something; not past the end of the process, nor when nothing comes any more."""
        while not holds():
            if process is not None and process.poll() is not None:
                return
            if time.monotonic() - self.heard > STALLED_S:
                return
            time.sleep(LOOK_S)


@dataclass
class Project:
    """A project's folder with `orders`, and a broker."""

    folder: Path
    bootstrap: str

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `minuet`; it speaks JSON."""
        command = [sys.executable, "-m", "minuet", *arguments, "--json"]
        return subprocess.Popen(
            [*command, "--bootstrap", self.bootstrap],
            cwd=self.folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip

    def publish(self, *options: str, file: str = "orders.jsonl") -> subprocess.Popen[bytes]:
        """Start to publish."""
        return self.start("publish", "orders", "OrderPlaced", "--file", file, *options)

    def verified(self) -> Mapping[str, Any]:
        """What `minuet verify` says once the worker has stored all that it has read."""
        until = time.monotonic() + STALLED_S
        while True:
            found = ended(self.start("verify", "orders"))
            if not found["uncommitted"] or time.monotonic() > until:
                return found


def ended(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for a command and return what it printed, its exit code with it."""
    out, _ = process.communicate()
    found: dict[str, Any] = json.loads(out) if out else {}
    found.pop("problems", None)
    return {**found, "exit": process.returncode}


def broken_off(project: Project, log: Log, orders: int) -> dict[str, Any]:
    """Publish the file, killed after a third and interrupted after two."""
    process = project.publish()
    log.until(lambda: len(log.begun) > orders / 3, process)
    process.kill()
    killed = ended(process)
    seen = len(log.begun)
    process = project.publish()
    log.until(lambda: len(log.begun) > orders * 2 / 3, process)
    process.send_signal(signal.SIGINT)
    interrupted = ended(process)
    last = ended(project.publish())
    log.until(lambda: len(log.ended) == orders, None)
    return {
        "killed": {**killed, "begun": seen},
        "interrupted": interrupted,
        "last": last,
        "twice_on_log": log.begun.total() - len(log.begun),
    }


def changed(project: Project, log: Log, orders: int) -> dict[str, Any]:
    """Publish the file with ten changed lines: looked up in the log, then not."""
    write(project.folder / "changed.jsonl", orders, CHANGED)
    before = log.begun.total()
    checked = ended(project.publish("--check", file="changed.jsonl"))
    unchecked = ended(project.publish(file="changed.jsonl"))
    log.until(lambda: log.begun.total() >= before + orders, None)
    return {"checked": checked, "unchecked": unchecked}


def effects(ledger: Path) -> dict[str, int]:
    """What the services did, each key once, and how often they were asked again."""
    query = "SELECT count(*), coalesce(sum(calls - 1), 0) FROM effects"
    done, again = sqlite3.connect(ledger).execute(query).fetchone()
    return {"done": done, "asked_again": again}


def wrong(orders: int, found: Mapping[str, Any]) -> Iterator[str]:
    """What is not as it must be."""
    killed, interrupted, last = (found["broken_off"][n] for n in ("killed", "interrupted", "last"))
    checked, unchecked = found["changed"]["checked"], found["changed"]["unchecked"]
    first, after = found["verify"], found["verify_changed"]
    for what, holds in (
        ("the whole file is published", found["whole"]["published"] == orders),
        ("the kill came in the middle", killed["exit"] == -9 and 0 < killed["begun"] < orders),
        ("Ctrl-C came in the middle", 0 < interrupted.get("published", 0) < orders),
        ("Ctrl-C exits 130", interrupted["exit"] == 130),
        ("it went on where it was killed", interrupted.get("resumed_at", 0) > 1),
        ("it went on after Ctrl-C", last["before"] + last["published"] == orders),
        ("each saga began once, and ended", first["sagas"] == orders and not first["live"]),
        ("no service was asked twice", found["effects"]["asked_again"] == 0),
        ("--check finds ten conflicts", checked["conflict"] == CHANGED),
        ("--check publishes nothing", checked["published"] == 0),
        ("without --check all is published", unchecked["published"] == orders),
        ("the fold keeps the first and counts ten", after["conflicts"] == CHANGED),
        ("no second start", after["sagas"] == orders and not after["live"]),
        ("verify is clean", first["ok"] and after["ok"]),
        ("no strays", not (first["strays"] or after["strays"] or after["nondeterministic"])),
    ):  # fmt: skip
        if not holds:
            yield what


def run(orders: int) -> dict[str, Any]:
    """Run all of it."""
    found: dict[str, Any] = {"orders": orders}
    before = load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
        write(folder / "orders.jsonl", orders)
        with own_broker(folder) as place:
            project = Project(folder, place.connection.bootstrap)
            ended(project.start("topics", "apply", "orders"))
            found["whole"] = ended(project.publish())
        ledger = folder / "ledger.sqlite"
        with own_broker(folder) as place:
            project = Project(folder, place.connection.bootstrap)
            ended(project.start("topics", "apply", "orders"))
            log = Log(place.connection).follow()
            command = ["worker", "orders", "--simulated", "--bootstrap", project.bootstrap]
            environment = {VARIABLE: str(ledger), "PYTHONPATH": str(ROOT)}
            began = time.monotonic()
            with Children(folder, folder) as children:
                children.start("worker", *command, environment=environment)
                children.wait("worker", lambda: children.said("worker", "ready"))
                found["broken_off"] = broken_off(project, log, orders)
                found["all_ended_s"] = round(time.monotonic() - began, 1)
                found["verify"] = project.verified()
                found["changed"] = changed(project, log, orders)
                found["verify_changed"] = project.verified()
            found["effects"] = effects(ledger)
    found["wrong"] = list(wrong(orders, found))
    return {**found, "load": loads(before)}


def main() -> None:
    """Run the bench and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.publish")
    parser.add_argument("--orders", type=int, default=100_000, help="lines of the file")
    found = run(parser.parse_args().orders)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    sys.exit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
