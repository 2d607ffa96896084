"""A retry storm on a real broker: `python -m bench.storm`, figures as JSON.

A service is down for a while, sagas go on coming, and in the middle the worker is killed. What is
measured: the worker's memory, the latency of the branch that needs no service, how long the killed
worker's successor takes, how long the backlog does, and whether the ledger of effects is clean.

The broker is the bench's own, in .minuet/bench, deleted afterwards.

Example: python -m bench.storm --rate 200 --down 60
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.storm_saga import OrderPlaced, SickBank, workflow
from bench.storm_worker import ledger
from minuet.bench.latency import Latencies
from minuet.bench.place import Place, own_broker
from minuet.event.record import TYPE
from minuet.kafka import topics
from minuet.kafka.reading import snapshot
from minuet.publish.publisher import Publisher
from minuet.spec.assemble import Workflow
from minuet.verify import verify

BEFORE_S, AFTER_S = 20.0, 10.0  # of sagas without trouble, on both sides of it
SETTLE_S = 5.0  # of these at first, which are not looked at: imports and connections
IN_FLIGHT_S = 1.0  # what was sent before a kill may arrive after it
PATIENCE_S = 300.0
LOOK_S = 0.25
ENDS = ("SagaCompleted", "SagaCompensated")


def rss_mb(pid: int) -> float:
    """The memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass
class Watched:
    """A worker, its memory by time, and what it said."""

    process: subprocess.Popen[str]
    memory: list[tuple[float, float]] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def start(cls, job: dict[str, str]) -> Watched:
        """Start it, and threads that listen and look."""
        command = [sys.executable, "-m", "bench.storm_worker", json.dumps(job)]
        started = cls(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        for work in (started._listen, started._look):
            threading.Thread(target=work, daemon=True).start()
        return started

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def _look(self) -> None:
        while self.process.poll() is None:
            try:
                self.memory.append((time.time(), rss_mb(self.process.pid)))
            except (OSError, IndexError):
                return
            time.sleep(LOOK_S)

    def ready(self) -> float:
        """Wait until it is restored; return when it was."""
        until = time.monotonic() + PATIENCE_S
        while not self.said:
            if self.process.poll() is not None or time.monotonic() > until:
                sys.exit("bench.storm: the worker does not come up")
            time.sleep(LOOK_S)
        return float(self.said[0]["at"])

    def most_mb(self, since: float, until: float) -> float:
        """The most memory it had in that time."""
        return max((mb for at, mb in self.memory if since <= at <= until), default=0.0)


@dataclass
class Seen:
    """What stands on the log of one saga, by type, with its time in ms."""

    at: dict[str, int] = field(default_factory=dict)


def read(place: Place, found: Workflow) -> dict[str, Seen]:
    """Read the whole log."""
    sagas: dict[str, Seen] = {}
    for message in snapshot(place.connection, found.spec.log_topic):
        kind = dict(message.headers() or ())[TYPE]
        name = kind.decode() if isinstance(kind, bytes) else ""
        key = (message.key() or b"").decode()
        sagas.setdefault(key, Seen()).at.setdefault(name, message.timestamp()[1])
    return sagas


def branch(sagas: Iterable[Seen], since: float, until: float) -> Latencies:
    """How long the healthy branch took, of sagas placed in that time."""
    found = []
    for one in sagas:
        placed = one.at["OrderPlaced"]
        done = one.at.get("OrderLabelled") or one.at.get("LabelRefused")
        if done is not None and since * 1000 <= placed < until * 1000:
            found.append(float(done - placed))
    return Latencies(found or [0.0])


def effects(folder: Path, sagas: dict[str, Seen]) -> dict[str, int]:
    """Count the ledger's rows, and the sagas whose money is not where it belongs."""
    rows = list(ledger(folder).execute("SELECT what, order_id FROM effects"))
    paid = Counter(order for what, order in rows if what == "pay")
    back = Counter(order for what, order in rows if what == "refund")
    wrong = 0
    for key, one in sagas.items():
        kept = paid[key] - back[key]
        wanted = 1 if "SagaCompleted" in one.at else 0
        wrong += kept != wanted or paid[key] > 1 or back[key] > paid[key]
    return {"effects": len(rows), "wrong": wrong}


@dataclass
class Storm:
    """One run: what is asked for, and when things happened."""

    place: Place
    folder: Path
    rate: int
    down_s: float
    moments: dict[str, float] = field(default_factory=dict)
    placed: int = 0

    def __post_init__(self) -> None:
        nobody = SickBank(lambda: False, lambda what, order_id, key: None)
        self.workflow = workflow(self.place.fresh("storm"), nobody)
        topics.apply(self.place.connection, topics.plan(self.workflow.spec))
        self.job = {
            "bootstrap": self.place.connection.bootstrap,
            "topics": self.workflow.spec.name,
            "folder": str(self.folder),
        }

    def publish(self, out: Publisher, seconds: float) -> None:
        """Begin sagas on a fixed schedule for so long."""
        began = time.time()
        for number in range(int(self.rate * seconds)):
            wait_s = began + number / self.rate - time.time()
            if wait_s > 0:
                time.sleep(wait_s)
            self.placed += 1
            out.send(OrderPlaced(order_id=f"order-{self.placed}", number=self.placed))

    def run(self) -> dict[str, Any]:
        """Run it and return the figures."""
        first = Watched.start(self.job)
        first.ready()
        spec = self.workflow.spec
        with Publisher(spec.name, spec.key, OrderPlaced, bootstrap=self.job["bootstrap"]) as out:
            self._mark("begin")
            self.publish(out, BEFORE_S)
            self._mark("down")
            (self.folder / "down").touch()
            self.publish(out, self.down_s / 2)
            first.process.kill()
            self._mark("killed")
            second = Watched.start(self.job)
            self.publish(out, self.down_s / 2)
            (self.folder / "down").unlink()
            self._mark("up")
            self.publish(out, AFTER_S)
        self._mark("published")
        sagas = self._until_all_ended()
        second.process.terminate()
        second.process.wait(60)
        return self._figures(sagas, first, second)

    def _mark(self, moment: str) -> None:
        self.moments[moment] = time.time()

    def _until_all_ended(self) -> dict[str, Seen]:
        until = time.monotonic() + PATIENCE_S
        while True:
            sagas = read(self.place, self.workflow)
            ended = sum(any(end in one.at for end in ENDS) for one in sagas.values())
            if ended == self.placed or time.monotonic() > until:
                return sagas
            time.sleep(2)

    def _figures(self, sagas: dict[str, Seen], first: Watched, second: Watched) -> dict[str, Any]:
        m = self.moments
        ends = Counter(end for one in sagas.values() for end in ENDS if end in one.at)
        answers = [at for one in sagas.values() if (at := one.at.get("OrderLabelled"))]
        after = (m["killed"] + IN_FLIGHT_S) * 1000  # before that, the dead one's last words
        back = min((at for at in answers if at > after), default=0) / 1000
        settled = back + SETTLE_S
        last = max(at for one in sagas.values() for end in ENDS if (at := one.at.get(end))) / 1000
        base_mb = first.most_mb(m["begin"], m["down"])
        peaks = (first.most_mb(m["down"], m["killed"]), second.most_mb(m["killed"], m["up"]))
        calm = branch(sagas.values(), m["begin"] + SETTLE_S, m["down"])
        storm = [
            *branch(sagas.values(), m["down"], m["killed"] - 1).ms,
            *branch(sagas.values(), settled, m["up"]).ms,
        ]
        report = verify(self.place.connection, self.workflow.spec)
        return {
            "sagas": self.placed,
            "ended": dict(ends),
            "memory_mb": {"before": base_mb, "storm": peaks, "growth": max(peaks) - base_mb},
            "branch_ms": {
                "p50_before": calm.percentile(50), "p99_before": calm.percentile(99),
                "p50_storm": Latencies(storm).percentile(50),
                "p99_storm": Latencies(storm).percentile(99),
            },
            "recovered_s": back - m["killed"],
            "drained_s": last - m["up"],
            "ledger": effects(self.folder, sagas),
            "retrying": sum("StepRetrying" in one.at for one in sagas.values()),
            "gave_up": sum("StepGaveUp" in one.at for one in sagas.values()),
            "verify_ok": report.ok,
            "breaker": [one["breaker"] for w in (first, second) for one in w.said[1:]],
            "load": os.getloadavg()[0],
        }  # fmt: skip


def main() -> None:
    """Run the storm and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.storm")
    parser.add_argument("--rate", type=int, default=200, help="sagas begun in a second")
    parser.add_argument("--down", type=float, default=60.0, help="seconds that the bank is down")
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, own_broker(Path.cwd()) as place:
        figures = Storm(place, Path(folder), wish.rate, wish.down).run()
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
